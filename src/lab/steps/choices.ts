/** Which backend took each connection of a burst: read from the wires, by the SYNs that came to the backends. */
import type { CapturedFrame } from '../../capture/captured-frame.ts';
import { sight } from '../../capture/sighting.ts';
import type { LabStep } from '../definition.ts';
import { inPhase, type Phase } from '../evidence.ts';
import type { CheckResult } from '../result.ts';
import { flowOf, type TcpProbe } from './burst.ts';
import { countShares, doubts, type Shares } from './shares.ts';

/** Waits for the captures, as a wire check does. */
export interface SharesCheck {
  step: Extract<LabStep, { do: 'expect shares' }>;
  phase: Phase;
  packet: TcpProbe;
  flows: number;
}

/** By connection in the order of sending: index of the hop in `hops` that saw its SYN come in; -1 for none. */
export function choicesOf(
  check: Omit<SharesCheck, 'step'>,
  hops: readonly string[],
  frames: ReadonlyMap<string, CapturedFrame[]>,
): number[] {
  const choices = new Array<number>(check.flows).fill(-1);
  for (const [i, hop] of hops.entries())
    for (const frame of frames.get(hop) ?? []) {
      if (frame.direction !== 'in' || !inPhase(check.phase, frame)) continue;
      const { tcp } = sight(frame);
      const flow = tcp?.flags === 'SYN' ? flowOf(check.packet, check.flows, tcp.seq) : -1;
      if (flow >= 0) choices[flow] = i;
    }
  return choices;
}

export function judgeShares(check: SharesCheck, frames: ReadonlyMap<string, CapturedFrame[]>): { check: CheckResult; shares: Shares } {
  const { hops, what } = check.step;
  const backends = hops.map(hop => hop.split('/')[0]!);
  const shares = countShares(what, backends, choicesOf(check, hops, frames));
  const wrong = doubts(shares);
  const text = `${check.flows} connections are shared by chance: each by itself, each backend alike`;
  const ok = wrong.length === 0;
  return { check: { at: what, text, ok, ...(ok ? {} : { saw: wrong.join('; ') }) }, shares };
}

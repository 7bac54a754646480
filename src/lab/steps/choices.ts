/** Which backend took each connection of a burst: read from the wires, by the SYNs that came to the backends. */
import type { CapturedFrame } from '../../capture/captured-frame.ts';
import { sight } from '../../capture/sighting.ts';
import type { Clients, LabStep } from '../definition.ts';
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
  clients: Clients;
}
/** The same for `expect loyalty`. */
export interface LoyaltyCheck extends Omit<SharesCheck, 'step'> {
  step: Extract<LabStep, { do: 'expect loyalty' }>;
}
export const isBurstCheck = (check: object): check is SharesCheck | LoyaltyCheck => 'flows' in check;
export const isLoyaltyCheck = (check: SharesCheck | LoyaltyCheck): check is LoyaltyCheck => check.step.do === 'expect loyalty';

/** By connection in the order of sending: index of the hop in `hops` that saw its SYN come in; -1 for none. */
export function choicesOf(
  check: Pick<SharesCheck, 'phase' | 'packet' | 'flows'>,
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

/** Each client comes in the order of the clients, again in every round. */
export function judgeLoyalty(check: LoyaltyCheck, frames: ReadonlyMap<string, CapturedFrame[]>): CheckResult {
  const { hops, what, changed } = check.step;
  const { count } = check.clients;
  const choices = choicesOf(check, hops, frames);
  const lost = choices.filter(choice => choice < 0).length;
  const moved = changedClients(choices, count);
  const who = count === 1 ? 'one client' : `${count} clients`;
  const [least, most] = changed;
  const came = `${who}, ${check.flows / count} times`;
  const text = `${came}: ${most === 0 ? 'all keep their backend' : `${least} to ${most} come to another backend`}`;
  if (lost > 0) return { at: what, text, ok: false, saw: `${lost} of ${check.flows} connections reached no backend` };
  const figure = `${came}: ${moved} came to another backend than before`;
  return moved >= least && moved <= most ? { at: what, text, ok: true, figure } : { at: what, text, ok: false, saw: figure };
}

/** How many clients did not always get what they got before. @param choices by connection, round by round */
export function changedClients(choices: readonly number[], clients: number): number {
  const moved = new Set<number>();
  for (let flow = clients; flow < choices.length; flow++) if (choices[flow] !== choices[flow - clients]) moved.add(flow % clients);
  return moved.size;
}

/** What the steps of an exercise say about themselves: when they begin something new, where they wait, in which words. */
import type { LabStep, ProbePacket } from '../definition.ts';

/** Counter of the first rule that fits, from the text of `iptables-save -c`. */
export function packetsOf(rule: RegExp, text: string): number | undefined {
  const line = text.split('\n').find(l => rule.test(l));
  return line === undefined ? undefined : Number(/^\[(\d+):/.exec(line)?.[1] ?? 0);
}
/** What came before such a step is over. */
export const beginsPhase: ReadonlySet<LabStep['do']> = new Set(['probe', 'converse', 'start', 'burst', 'advance']);

/** Hops where a step waits for something. */
export const waitedFor = (steps: readonly LabStep[]): Set<string> =>
  new Set(
    steps.flatMap(step => {
      if (step.do === 'expect hop') return [step.hop];
      if (step.do === 'on plane' || step.do === 'claim') return [...waitedFor(step.steps)];
      return step.do === 'converse' || step.do === 'start' || step.do === 'burst' ? [`${step.from}/eth0`] : [];
    }),
  );

/** `tcp`, `tcp FIN,ACK`, `udp`. A SYN is what a TCP probe is unless it says more. */
export const probeWords = (packet: ProbePacket): string =>
  packet.protocol === 'tcp' && packet.flags !== 'SYN' ? `tcp ${packet.flags}` : packet.protocol;

/** One line for each, in this order. */
export function fitLines(text: string, wanted: readonly RegExp[]): boolean {
  const lines = text.split('\n').filter(Boolean);
  return lines.length === wanted.length && lines.every((line, i) => wanted[i]!.test(line));
}

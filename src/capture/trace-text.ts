/**
 * Trace records as text: the lines of `trace.jsonl`, and what stands beside a frame of a logical hop. Numbers of chains and rules stay
 * numbers here: the lines are joined with the rule set's names when a journey is told.
 */
import { formatIpv4 } from '../base/address.ts';
import { type DropReason, dropReasonName } from '../base/drop-reason.ts';
import { CtInfo } from '../packet/packet.ts';
import { RuleEvent } from '../packet/trace-ring.ts';
import { hookNames } from '../packet/verdict.ts';
import type { HopRecord, TraceRecord } from './trace-reader.ts';

/** A rule by its place; number 0 is the policy of a built-in chain. */
export interface RuleName {
  table: string;
  chain: string;
  /** From 1, as `iptables -L --line-numbers` counts. */
  number: number;
  /** What stands after `-A CHAIN`; of a policy the verdict, where it is known. */
  text: string;
  /** The kernel's number for the rule, and the verdict that it gave: `JUMP:KUBE-SERVICES`, `ACCEPT`, `CONTINUE`. */
  handle?: number;
  said?: string;
}

/** A packet as a kernel node's rule trace shows it, on its way in (`iif`) or set out from the node itself (`oif` alone). */
export interface TracedHeader {
  iif?: string;
  oif?: string;
  src: string;
  dst: string;
  identification: number;
  ttl: number;
  totalLength: number;
  srcPort?: number;
  dstPort?: number;
  /** TCP, in the order of the bits from FIN. */
  flags?: string;
}

/** One line of `trace.jsonl`. `timeNs` is a decimal text: it does not fit a JSON number. */
export interface TraceLine {
  node: string;
  packet: number;
  timeNs: string;
  /** `packet`, in the kernel's trace: what follows with this number is about the packet that looks so. */
  kind: TraceRecord['kind'] | 'packet';
  hop?: string;
  ct?: number;
  state?: string;
  mark?: number;
  reason?: string;
  hook?: string;
  event?: 'matched' | 'end' | 'policy';
  /** Of the compiled program: the rule set's owner knows table, chain and rule. */
  counter?: number;
  /** The kernel's trace has no counters and names the rule. */
  rule?: RuleName;
  header?: TracedHeader;
  verdict?: 'DROP' | 'ACCEPT' | 'STOLEN';
  rewrite?: 'source' | 'destination';
  from?: string;
  to?: string;
}

const eventWords = ['matched', 'end', 'policy'] as const;
const verdictWords = ['DROP', 'ACCEPT', 'STOLEN'] as const;
const stateWords = new Map<number, string>([
  [CtInfo.Established, 'ESTABLISHED'],
  [CtInfo.Related, 'RELATED'],
  [CtInfo.New, 'NEW'],
  [CtInfo.EstablishedReply, 'ESTABLISHED reply'],
  [CtInfo.RelatedReply, 'RELATED reply'],
]);

/** conntrack's word for a packet's state; without an entry it is INVALID or was never looked at. */
export const stateWord = (ct: number, ctinfo: number): string | undefined => (ct < 0 ? undefined : stateWords.get(ctinfo));

const endpoint = (address: number, port: number): string => `${formatIpv4(address)}:${port & 0xffff}`;

export function toTraceLine(node: string, r: TraceRecord, hops: ReadonlyMap<number, string>): TraceLine {
  const common = { node, packet: r.packet, timeNs: String(r.timeNs), kind: r.kind };
  switch (r.kind) {
    case 'rule':
      return {
        ...common,
        hook: hookNames[r.hook] ?? String(r.hook),
        event: eventWords[r.event] ?? 'matched',
        counter: r.counter,
        ...(r.event === RuleEvent.Policy ? { verdict: verdictWords[r.verdict] ?? 'DROP' } : {}),
      };
    case 'nat':
      return {
        ...common,
        rewrite: r.manip === 0 ? 'source' : 'destination',
        from: endpoint(r.fromAddress, r.fromPort),
        to: endpoint(r.toAddress, r.toPort),
      };
    case 'conntrack':
      return { ...common, ...conntrackWords(r) };
    case 'hop':
    case 'drop':
      return {
        ...common,
        hop: hops.get(r.hopId) ?? String(r.hopId),
        ...conntrackWords(r),
        ...(r.reason === 0 ? {} : { reason: dropReasonName(r.reason as DropReason) }),
      };
  }
}

export const traceLine = (node: string, r: TraceRecord, hops: ReadonlyMap<number, string>): string =>
  JSON.stringify(toTraceLine(node, r, hops));

function conntrackWords(r: { ct: number; ctinfo: number; mark: number }): { ct?: number; state?: string; mark?: number } {
  const state = stateWord(r.ct, r.ctinfo);
  return { ...(r.ct < 0 ? {} : { ct: r.ct }), ...(state === undefined ? {} : { state }), ...(r.mark === 0 ? {} : { mark: r.mark >>> 0 }) };
}

/** `mark 0x4000`, `conntrack NEW`, `dropped: NETFILTER_DROP`: comments of the packet block. */
export function hopComment(r: HopRecord): string[] {
  const words: string[] = [];
  const state = stateWord(r.ct, r.ctinfo);
  if (state !== undefined) words.push(`conntrack ${state}`);
  if (r.mark !== 0) words.push(`mark 0x${(r.mark >>> 0).toString(16)}`);
  if (r.reason !== 0) words.push(`dropped: ${dropReasonName(r.reason as DropReason)}`);
  return words.length === 0 ? [] : [words.join(', ')];
}

/** `-m recent`: `recent_mt`, `net/netfilter/xt_recent.c`. */
import type { Packet } from '../../../packet/packet.ts';
import { Hook } from '../../../packet/verdict.ts';
import * as ipv4 from '../../../wire/ipv4.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { jiffies } from '../jiffies.ts';
import { NOT } from '../program.ts';
import type { RecentList } from '../state/recent-list.ts';

const Op = { set: 0, rcheck: 1, update: 2, remove: 3 } as const;
const OP = 3;
const REAP = 4;
const RTTL = 8;
const DESTINATION = 16;
/** XT_RECENT_MAX_NSTAMPS */
const MAX_HITS = 255;
const DEFAULT_RING = 32;

/** Operands: state, options, seconds, hit count; the last two 0 when not given. */
export function recentTest(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const not = (code[at]! & NOT) !== 0;
  const list = x.states[code[at + 1]!] as RecentList;
  const options = code[at + 2]!;
  const op = options & OP;
  const address = ((options & DESTINATION) !== 0 ? x.dst : x.src) & list.mask;
  // As it was before this node took one off: so the kernel thinks of all that leave and that no socket of its own has sent.
  const leaves = x.hook === Hook.Forward || x.hook === Hook.Output || x.hook === Hook.Postrouting;
  const ttl = (ipv4.ttl(p.bytes, p.l3) + (leaves && (!p.local || p.socketless) ? 1 : 0)) & 0xff;
  const now = jiffies(x.env.clock);
  const e = list.lookup(address, (options & RTTL) !== 0 ? ttl : 0);
  if (e < 0) {
    if (op !== Op.set) return not;
    list.insert(address, ttl, now);
    return !not;
  }
  if (op === Op.set) {
    list.update(e, ttl, now);
    return !not;
  }
  if (op === Op.remove) {
    list.remove(e);
    return !not;
  }
  const seconds = code[at + 3]!;
  const passes = list.seen(e, now, seconds, code[at + 4]!) !== not;
  // The kernel updates by the match's result, `!` included.
  const update = op === Op.update && passes;
  if ((options & REAP) !== 0) list.reap(now, seconds, update ? e : -1);
  if (update) list.update(e, ttl, now);
  return passes;
}

/** Times that a list must keep for a rule: a power of two. */
const ringOf = (hits: number | undefined): number => (hits ? 1 << (32 - Math.clz32(hits - 1)) : DEFAULT_RING);

export const recent: MatchExtension<MatchOf<'recent'>> = {
  tests: [recentTest],
  stateful: true,
  refuse(m) {
    if ((m.hitcount ?? 0) > MAX_HITS) return `-m recent: --hitcount ${m.hitcount}: must be at most ${MAX_HITS}`;
    if (m.reap && !m.seconds) return '-m recent: --reap needs --seconds';
    return undefined;
  },
  emit(m, out) {
    // The ring is that of the rule that counts furthest.
    const list = out.namedState('recent', m.name, [m.mask, ringOf(m.hitcount)], (a, b) => [
      a[0] === b[0] ? a[0]! : (out.recentMask(m.name) ?? a[0]!),
      Math.max(a[1]!, b[1]!),
    ]);
    out.test(recentTest, m.not, list, Op[m.op] | (m.reap ? REAP : 0) | (m.rttl ? RTTL : 0) | (m.side === 'destination' ? DESTINATION : 0));
    out.operand(m.seconds ?? 0);
    out.operand(m.hitcount ?? 0);
  },
};

/** `-m hashlimit`: `hashlimit_mt`, `net/netfilter/xt_hashlimit.c`. */
import { maskOf } from '../../../base/address.ts';
import type { Packet } from '../../../packet/packet.ts';
import { i32 } from '../../../wire/bytes.ts';
import { HashlimitMode } from '../../ruleset.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { jiffies } from '../jiffies.ts';
import type { HashlimitTable } from '../state/hashlimit-table.ts';

const PORTS = HashlimitMode.srcport | HashlimitMode.dstport;
/** The kernel's number of buckets on a machine with more than 1 GB; entries are eight times that. */
const DEFAULT_SIZE = 8192;

/** Operand: state. */
export function hashlimitTest(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const table = x.states[code[at + 1]!] as HashlimitTable;
  let ports = 0;
  if ((table.config.mode & PORTS) !== 0 && x.srcPort >= 0) ports = i32(p.bytes, x.l4);
  const taken = table.take(x.src, x.dst, ports, p.end - p.l3, jiffies(x.env.clock));
  if (taken < 0) x.hotdrop = true;
  return taken === 1;
}

export const hashlimit: MatchExtension<MatchOf<'hashlimit'>> = {
  tests: [hashlimitTest],
  stateful: true,
  emit(m, out) {
    const numbers = [
      m.unit === 'bytes' ? 1 : 0,
      m.above ? 1 : 0,
      m.average,
      m.burst,
      m.mode,
      maskOf(m.srcPrefix),
      maskOf(m.dstPrefix),
      m.htableMax || 8 * (m.htableSize || DEFAULT_SIZE),
      m.gcIntervalMs,
      m.expireMs,
      m.rateMatch ? 1 : 0,
      m.rateIntervalS,
    ];
    out.test(hashlimitTest, false, out.namedState('hashlimit', m.name, numbers));
  },
};

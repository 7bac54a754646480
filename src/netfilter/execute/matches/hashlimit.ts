/** `-m hashlimit`: `hashlimit_mt`, `net/netfilter/xt_hashlimit.c`. */
import { maskOf } from '../../../base/address.ts';
import type { Packet } from '../../../packet/packet.ts';
import { i32 } from '../../../wire/bytes.ts';
import { Protocol } from '../../../wire/ipv4.ts';
import { HashlimitMode } from '../../ruleset.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { jiffies } from '../jiffies.ts';
import type { HashlimitTable } from '../state/hashlimit-table.ts';

const PORTS = HashlimitMode.srcport | HashlimitMode.dstport;
/** The kernel's number of buckets on a machine with more than 1 GB; entries are eight times that. */
const DEFAULT_SIZE = 8192;

/** Where four bytes stand that tell flows apart, or -1: `proto_ports_offset`, `include/linux/in.h`. */
function portsOffset(protocol: number): number {
  switch (protocol) {
    case Protocol.Tcp:
    case Protocol.Udp:
    case Protocol.Dccp:
    case Protocol.Esp:
    case Protocol.Sctp:
    case Protocol.UdpLite:
      return 0;
    case Protocol.Ah:
      return 4;
    default:
      return -1;
  }
}

/** Operands: state, 1 for what is above the rate: rules that share a table may ask for either. */
export function hashlimitTest(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const table = x.states[code[at + 1]!] as HashlimitTable;
  let ports = 0;
  const at4 = (table.config.mode & PORTS) !== 0 ? portsOffset(x.protocol) : -1;
  if (at4 >= 0) {
    if (x.transport < at4 + 4) {
      x.hotdrop = true;
      return false;
    }
    // Also of later fragments, where anything may stand.
    ports = i32(p.bytes, x.l4 + at4);
  }
  const taken = table.take(x.src, x.dst, ports, p.end - p.l3, jiffies(x.env.clock));
  if (taken < 0) x.hotdrop = true;
  return taken === 1 - code[at + 2]!;
}

export const hashlimit: MatchExtension<MatchOf<'hashlimit'>> = {
  tests: [hashlimitTest],
  stateful: true,
  emit(m, out) {
    const numbers = [
      m.unit === 'bytes' ? 1 : 0,
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
    out.test(hashlimitTest, false, out.namedState('hashlimit', m.name, numbers), m.above ? 1 : 0);
  },
};

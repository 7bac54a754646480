/** `-m set`: `set_match_v4`, `net/netfilter/xt_set.c`. */
import type { Packet } from '../../../packet/packet.ts';
import * as icmp from '../../../wire/icmp.ts';
import { dimensions } from '../../ipset/ip-set.ts';
import { Found, Kind, lookupIpSet } from '../../ipset/table.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { NOT } from '../program.ts';

const ADDRESS_DST = 1;
const PORT_DST = 2;
const RETURN_NOMATCH = 4;
const ICMP = 1;
const TCP = 6;
const UDP = 17;
const SCTP = 132;
const UDPLITE = 136;

/** Operands: the set in `data`, options. */
export function setTest(x: Execution, p: Packet, code: Int32Array, at: number): boolean {
  const set = code[at + 1]!;
  const options = code[at + 2]!;
  const address = (options & ADDRESS_DST) !== 0 ? x.dst : x.src;
  const found = lookupIpSet(x.data, set, address, x.protocol, portOf(x, p, x.data[set]!, (options & PORT_DST) !== 0));
  return (found === ((options & RETURN_NOMATCH) !== 0 ? Found.Nomatch : Found.Member)) !== ((code[at]! & NOT) !== 0);
}

/**
 * `ip_set_get_ip4_port`, `ip_set_get_ip_port`: only TCP and UDP count in a bitmap; elsewhere a protocol without ports has port 0. Of a header
 * that is cut short nothing is read, be it further on.
 */
function portOf(x: Execution, p: Packet, kind: number, dst: boolean): number {
  const { protocol } = x;
  if (kind === Kind.BitmapPort && protocol !== TCP && protocol !== UDP) return -1;
  if (protocol === ICMP) {
    return x.fragment === 0 && x.transport >= icmp.HEADER_LEN ? (p.bytes[x.l4]! << 8) | p.bytes[x.l4 + 1]! : -1;
  }
  if (protocol !== TCP && protocol !== UDP && protocol !== SCTP && protocol !== UDPLITE) return 0;
  if (!x.whole) return -1;
  return dst ? x.dstPort : x.srcPort;
}

export const set: MatchExtension<MatchOf<'set'>> = {
  tests: [setTest],
  unsupported: m => (m.packets || m.bytes ? '-m set --packets-... and --bytes-... cannot be executed' : undefined),
  refuse(m, _rule, sets) {
    const found = sets.get(m.name);
    if (!found) return `-m set: set ${m.name} does not exist`;
    const wanted = dimensions[found.type];
    return m.dimensions.length < wanted ? `-m set: set ${m.name} of type ${found.type} needs ${wanted} of src and dst` : undefined;
  },
  emit(m, out) {
    const { type } = out.sets.get(m.name)!;
    const [first, second] = m.dimensions;
    const port = type === 'bitmap:port' ? first : second;
    out.test(
      setTest,
      m.not,
      out.set(m.name),
      (first === 'dst' ? ADDRESS_DST : 0) | (port === 'dst' ? PORT_DST : 0) | (m.returnNomatch ? RETURN_NOMATCH : 0),
    );
  },
};

/** The ICMP tracker: queries and their answers, and errors by the packet that they quote (`nf_conntrack_proto_icmp.c`). */
import { CtInfo, type Packet } from '../packet/packet.ts';
import { verifyTransport } from '../packet/transport-checksum.ts';
import { Hook } from '../packet/verdict.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Core } from './core.ts';
import { DST, ENTRY, PORTS, REPLY } from './layout.ts';
import { Invalid } from './statistics.ts';
import { IS_REPLY } from './status.ts';
import { Timeout } from './timeouts.ts';
import { Tuple } from './tuple.ts';

/** NR_ICMP_TYPES: what is above is a mystery and is dropped silently (RFC 1122 section 3.2.2). */
const HIGHEST_TYPE = 18;

const quoted = new Tuple();
const inner = new Tuple();

/** Only queries make an entry; the type is that of the original direction. */
const opens = (type: number): boolean =>
  type === icmp.Type.Echo || type === icmp.Type.Timestamp || type === icmp.Type.InformationRequest || type === icmp.Type.AddressMaskRequest;

/** @returns false when the message is invalid. */
export function trackIcmp(core: Core, p: Packet, i: number, dir: number): boolean {
  if (!opens((core.table.words[i * ENTRY + PORTS]! >>> 8) & 0xff)) {
    core.count(Invalid.IcmpNew);
    return false;
  }
  core.refresh(i, core.sysctl.timeouts[Timeout.Icmp]!);
  core.account(p, i, dir);
  return true;
}

/** What `icmpError` came to: a query, to be tracked by its own tuple; an error, taken care of; or an invalid message. */
export const IcmpKind = { Query: 0, Error: 1, Invalid: 2 } as const;

/**
 * `nf_conntrack_icmpv4_error`: checks the message, and gives an error the entry of the packet that it is about, as RELATED. It
 * neither refreshes nor ends that entry (RFC 5508 REQ-6).
 */
export function icmpError(core: Core, p: Packet, hook: Hook): number {
  const b = p.bytes;
  const at = p.l4;
  if (icmp.check(at, p.end) !== 0) return invalid(core, Invalid.ShortPacket);
  if (hook === Hook.Prerouting && core.sysctl.checksum !== 0 && !verifyTransport(p, 0)) {
    return invalid(core, Invalid.BadChecksum);
  }
  const type = icmp.type(b, at);
  if (type > HIGHEST_TYPE) return invalid(core, Invalid.IcmpType);
  if (!icmp.isError(type)) return IcmpKind.Query;

  const l3 = at + icmp.HEADER_LEN;
  // `ipv4_get_l4proto`: the quoted header is not checked beyond what is needed to find its transport header.
  if (l3 + ipv4.HEADER_LEN > p.end || ipv4.fragmentOffset(b, l3) !== 0) return invalid(core, Invalid.IcmpInnerShort);
  const l4 = l3 + ipv4.headerLength(b, l3);
  if (l4 > p.end || !quoted.read(b, l3, l4, p.end)) return invalid(core, Invalid.IcmpInnerShort);
  if (!inner.invert(quoted)) return invalid(core, Invalid.NotInvertible);
  const handle = core.lookupZones(inner, p.zone);
  if (handle < 0) return invalid(core, Invalid.IcmpNotRelated);
  // The error travels to whom the quoted packet came from; anything else is forged.
  const dir = handle & 1;
  if (core.table.words[(handle >> 1) * ENTRY + dir * REPLY + DST] !== ipv4.dst(b, p.l3)) return invalid(core, Invalid.IcmpOuterDestination);
  p.ct = handle >> 1;
  p.ctinfo = CtInfo.Related + dir * IS_REPLY;
  return IcmpKind.Error;
}

function invalid(core: Core, reason: Invalid): number {
  core.count(reason);
  return IcmpKind.Invalid;
}

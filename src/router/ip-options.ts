/**
 * IPv4 options on the way in (`ip_options_compile`, `net/ipv4/ip_options.c`): the list must be well formed, and source routing is
 * refused unless `accept_source_route` is on for `all` and the interface, which it is nowhere by default.
 *
 * Differs from Linux: record route and timestamp options are passed on as they stand and not filled in.
 */
import { DropReason } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { sendError } from './icmp-error.ts';
import type { Interface } from './interface.ts';
import type { Plane } from './plane.ts';

/** RFC 791 section 3.1. */
const OptionType = { End: 0, Nop: 1, LooseSourceRoute: 131, StrictSourceRoute: 137 } as const;

export function checkOptions(plane: Plane, iif: Interface, p: Packet): DropReason {
  const b = p.bytes;
  const end = p.l4;
  for (let at = p.l3 + ipv4.HEADER_LEN; at < end; ) {
    const type = b[at]!;
    if (type === OptionType.End) break;
    if (type === OptionType.Nop) {
      at++;
      continue;
    }
    const length = at + 1 < end ? b[at + 1]! : 0;
    if (length < 2 || at + length > end) {
      sendError(plane, p, icmp.Type.ParameterProblem, 0, (at - p.l3) << 24);
      return DropReason.IpOptionInvalid;
    }
    if (type === OptionType.LooseSourceRoute || type === OptionType.StrictSourceRoute) {
      if ((plane.sysctls.all.accept_source_route & iif.sysctl.accept_source_route) === 0) return DropReason.IpOptionSourceRoute;
    }
    at += length;
  }
  return DropReason.None;
}

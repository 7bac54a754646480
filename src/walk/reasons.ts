/** Why a packet ended outside the rules, in a sentence. */
import { DropReason, dropReasonName } from '../base/drop-reason.ts';

export function reasonWords(reason: DropReason, destination: string): string {
  switch (reason) {
    case DropReason.NetfilterDrop:
      return 'dropped by a rule or a policy';
    case DropReason.NetfilterReject:
      return 'refused by a rule: the sender is told';
    case DropReason.TtlExceeded:
      return 'its TTL ran out: a router forwards nothing with a TTL of 1';
    case DropReason.PktTooBig:
      return 'longer than the MTU of the way out, and it must not be fragmented: the sender is told the MTU';
    case DropReason.IpInNoRoutes:
    case DropReason.IpOutNoRoutes:
      return `no route for ${destination}`;
    case DropReason.IpInvalidSource:
      return 'its source is an address of this node, or of nobody: a martian';
    case DropReason.IpInvalidDest:
      return 'its destination is no address that can be sent to';
    case DropReason.IpLocalnet:
      return '127.0.0.0/8 on the wire is a martian, unless net.ipv4.conf.NAME.route_localnet is 1 (--sysctl)';
    case DropReason.IpForwardingOff:
      return 'it is for somebody else, and net.ipv4.ip_forward is 0';
    case DropReason.IpRpfilter:
      return 'the way back to its source is another one (rp_filter)';
    case DropReason.Blackhole:
      return 'the route is a blackhole';
    case DropReason.Multicast:
      return 'multicast is not forwarded';
    case DropReason.IpCsum:
      return 'the checksum of its IP header is wrong';
    case DropReason.PktTooSmall:
      return 'it is shorter than its header says';
    default:
      return dropReasonName(reason).toLowerCase().replaceAll('_', ' ');
  }
}

/** The UDP tracker (`net/netfilter/nf_conntrack_proto_udp.c`): no states, only whether the other side answers and keeps on. */
import type { Packet } from '../packet/packet.ts';
import { verifyTransport } from '../packet/transport-checksum.ts';
import { Hook } from '../packet/verdict.ts';
import * as checksum from '../wire/checksum.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as udp from '../wire/udp.ts';
import type { Core } from './core.ts';
import { Event } from './events.ts';
import { ENTRY, STATUS, STREAM_TS } from './layout.ts';
import { Invalid } from './statistics.ts';
import { Ips } from './status.ts';
import { Timeout } from './timeouts.ts';

/** Traffic both ways for longer than this makes a stream. */
const STREAM_AFTER_MS = 2000;

/** @returns false when the datagram is invalid. */
export function trackUdp(core: Core, p: Packet, i: number, dir: number, hook: Hook): boolean {
  if (udp.check(p.bytes, p.l4, p.end) !== 0) {
    core.count(Invalid.Malformed);
    return false;
  }
  if (hook === Hook.Prerouting && udp.checksum(p.bytes, p.l4) !== 0 && !checksumHolds(core, p)) {
    core.count(Invalid.BadChecksum);
    return false;
  }
  const words = core.table.words;
  const b = i * ENTRY;
  const status = words[b + STATUS]!;
  const timeouts = core.sysctl.timeouts;
  if ((status & Ips.Confirmed) === 0) words[b + STREAM_TS] = core.now + STREAM_AFTER_MS;

  if ((status & Ips.SeenReply) === 0) {
    core.refresh(i, timeouts[Timeout.Udp]!);
  } else if (core.now > words[b + STREAM_TS]!) {
    core.refresh(i, timeouts[Timeout.UdpStream]!);
    // An entry of a clash never becomes assured: it is to go soon.
    if ((status & (Ips.Assured | Ips.NatClash)) === 0) {
      words[b + STATUS] = status | Ips.Assured;
      if (core.events !== null) core.events.note(i, Event.Assured);
    }
  } else {
    core.refresh(i, timeouts[Timeout.Udp]!);
  }
  core.account(p, i, dir);
  return true;
}

/** The pseudo-header takes the length of the datagram, which may be shorter than the packet: the rest is not covered. */
function checksumHolds(core: Core, p: Packet): boolean {
  if (core.sysctl.checksum === 0) return true;
  const length = p.end - p.l4;
  return verifyTransport(p, checksum.pseudoHeader(ipv4.src(p.bytes, p.l3), ipv4.dst(p.bytes, p.l3), ipv4.Protocol.Udp, length));
}

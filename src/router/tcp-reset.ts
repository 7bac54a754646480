/**
 * A reset in answer to a segment (RFC 9293 section 3.10.7.1): what a closed port sends, and what `REJECT --reject-with tcp-reset` sends
 * (`nf_reject_ip_tcphdr_put`, `net/ipv4/netfilter/nf_reject_ipv4.c`). Nothing is sent about a reset.
 */
import { DropReason } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import { setU16 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { echoOptions, putOptions } from './option-echo.ts';
import { routeOutput } from './output.ts';
import { type Plane, Step } from './plane.ts';

/** A closed port (`tcp_v4_send_reset`): with the segment's `tos` and its options, tracked like any other packet. */
export function closedPort(plane: Plane, about: Packet, tos: number): void {
  const options = echoOptions(plane, about);
  if (options < 0) return;
  const p = reset(plane, about, tos, options);
  if (p === null) return;
  putOptions(p);
  plane.run(p, Step.Output);
}

/** REJECT: it belongs to the connection of the segment, which ends with it (`nf_ct_attach`, `nf_ct_set_closing`). */
export function rejectSegment(plane: Plane, about: Packet): void {
  const p = reset(plane, about, 0, 0);
  if (p === null) return;
  // Its checksum is left for the device to finish, and so an error about it quotes the pseudo-header's sum.
  tcp.setChecksum(p.bytes, p.l4, checksum.fold(pseudoHeaderOf(p)));
  p.csumStart = p.l4;
  p.csumOffset = tcp.CHECKSUM_OFFSET;
  p.socketless = true;
  // A reset that has no way ends nothing.
  const failed = routeOutput(plane, p);
  if (failed !== DropReason.None) {
    plane.drop(p, failed);
    plane.spend(p);
    return;
  }
  plane.hooks.attach(p, about);
  plane.hooks.setClosing(about);
  plane.run(p, Step.LocalOut);
}

/**
 * @param about a segment whose header was checked; `l4` stands at it
 * @param options bytes to be kept free for options
 * @returns null when there is no answer
 */
function reset(plane: Plane, about: Packet, tos: number, options: number): Packet | null {
  const b = about.bytes;
  const flags = tcp.flags(b, about.l4);
  if ((flags & tcp.Flag.Rst) !== 0) return null;
  const header = ipv4.HEADER_LEN + options;
  const p = plane.arena.take(ethernet.HEADER_LEN + header + tcp.HEADER_LEN);
  if (p === null) {
    plane.drops.count(DropReason.NoMemory);
    return null;
  }
  p.l3 = p.start + ethernet.HEADER_LEN;
  p.l4 = p.l3 + header;
  const out = p.bytes;
  const src = ipv4.dst(b, about.l3);
  const dst = ipv4.src(b, about.l3);
  ipv4.write(out, p.l3, tos, header + tcp.HEADER_LEN, 0, ipv4.DF, plane.sysctls.node.ip_default_ttl, ipv4.Protocol.Tcp, src, dst);
  out.fill(0, p.l4, p.end);
  tcp.setSrcPort(out, p.l4, tcp.dstPort(b, about.l4));
  tcp.setDstPort(out, p.l4, tcp.srcPort(b, about.l4));
  setU16(out, p.l4 + 12, (tcp.HEADER_LEN >> 2) << 12);
  if ((flags & tcp.Flag.Ack) !== 0) {
    tcp.setSeq(out, p.l4, tcp.ack(b, about.l4));
    tcp.setFlags(out, p.l4, tcp.Flag.Rst);
  } else {
    const consumed = about.end - about.l4 - tcp.headerLength(b, about.l4) + (flags & tcp.Flag.Syn ? 1 : 0) + (flags & tcp.Flag.Fin ? 1 : 0);
    tcp.setAck(out, p.l4, (tcp.seqI32(b, about.l4) + consumed) >>> 0);
    tcp.setFlags(out, p.l4, tcp.Flag.Rst | tcp.Flag.Ack);
  }
  tcp.setChecksum(out, p.l4, checksum.finish(checksum.add(pseudoHeaderOf(p), out, p.l4, p.end)));
  p.local = true;
  return p;
}

const pseudoHeaderOf = (p: Packet): number =>
  checksum.pseudoHeader(ipv4.src(p.bytes, p.l3), ipv4.dst(p.bytes, p.l3), ipv4.Protocol.Tcp, p.end - p.l4);

/** The bytes of a probe: every field is fixed, so two runs send the same frame. Pure. */
import { inCidr, parseCidr, parseIpv4, parseMac } from '../../base/address.ts';
import { LabError } from '../../base/errors.ts';
import * as arp from '../../wire/arp.ts';
import * as checksum from '../../wire/checksum.ts';
import * as ethernet from '../../wire/ethernet.ts';
import * as icmp from '../../wire/icmp.ts';
import * as ipv4 from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import * as udp from '../../wire/udp.ts';
import type { ProbePacket } from '../definition.ts';
import { macFor, UPSTREAM_LAN, UPSTREAM_OUTSIDE } from '../topology/addresses.ts';
import type { Topology, WireEnd } from '../topology/model.ts';

const TTL = 64;
/** IP identification of probe 1; each has its own, so that two equal questions are two packets in a journey. */
const IDENTIFICATION = 0x4b00;
const WINDOW = 64_240;
/** What a Linux host offers on a wire of 1500 bytes, in the smallest form: MSS 1460 (RFC 9293 section 3.7.1). */
const MSS_1460 = Uint8Array.of(tcp.Option.Mss, 4, 1460 >> 8, 1460 & 255);
const PING_PAYLOAD = new TextEncoder().encode('kubehop: one packet, every hop. ');
const NO_OPTIONS = new Uint8Array(0);
const NOBODY = new Uint8Array(6);

/** @param number of the probe in its exercise, from 1 @throws LabError BAD_INPUT */
export function probeFrame(topology: Topology, from: string, packet: ProbePacket, number = 1): Uint8Array {
  const sender = senderOf(topology, from);
  const own = parseCidr(sender.addresses[0]!).address;
  const source = packet.protocol === 'tcp' && packet.src !== undefined ? parseIpv4(packet.src) : own;
  const [host, port] = packet.dst.split(':');
  const destination = parseIpv4(host!);
  if (packet.protocol === 'arp') return arpRequest(sender, source, destination);
  const dstMac = nextHopMac(topology, sender, host!);
  const ip = (proto: number, payload: Uint8Array) =>
    ipv4Frame(sender, dstMac, source, destination, IDENTIFICATION + number, proto, payload);
  switch (packet.protocol) {
    case 'tcp':
      return ip(ipv4.Protocol.Tcp, segment(source, destination, Number(port), packet));
    case 'udp':
      return ip(ipv4.Protocol.Udp, datagram(source, destination, packet.srcPort, Number(port), packet.text));
    case 'icmp':
      return ip(ipv4.Protocol.Icmp, echoRequest(packet.id, packet.sequence));
  }
}

function senderOf(topology: Topology, from: string): WireEnd {
  const role = topology.namespaces.find(ns => ns.name === from)?.role;
  const end = topology.wires.flatMap(wire => wire.ends).find(e => e.namespace === from && e.name === 'eth0');
  if (end === undefined || (role !== 'client' && role !== 'pod'))
    throw new LabError('BAD_INPUT', `probe from "${from}": not a client or pod of this lab`);
  return end;
}

/** The MAC that the sender's own ARP would find: the destination's on the same network, else the gateway's; alone on its network, whoever is at the other end of its wire. */
function nextHopMac(topology: Topology, sender: WireEnd, destination: string): string {
  const network = parseCidr(sender.addresses[0]!);
  if (network.prefix === 32) return topology.wires.find(wire => wire.ends.includes(sender))!.ends.find(end => end !== sender)!.mac;
  const pod = topology.namespaces.find(ns => ns.name === sender.namespace)!.role === 'pod';
  if (inCidr(parseIpv4(destination), network)) return macFor(pod ? 'pod' : 'host', destination);
  if (pod) return macFor('pod', topology.namespaces.find(ns => ns.name === sender.namespace)!.routes[0]!.via!);
  return macFor('host', inCidr(parseIpv4(UPSTREAM_LAN), network) ? UPSTREAM_LAN : UPSTREAM_OUTSIDE);
}

function arpRequest(sender: WireEnd, spa: number, tpa: number): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_LEN + arp.HEADER_LEN);
  const sha = parseMac(sender.mac);
  const at = ethernet.encode({ dst: ethernet.BROADCAST, src: sha, type: ethernet.EtherType.Arp }, frame);
  arp.encode({ op: arp.Op.Request, sha, spa, tha: NOBODY, tpa }, frame, at);
  return frame;
}

function ipv4Frame(
  sender: WireEnd,
  dstMac: string,
  src: number,
  dst: number,
  identification: number,
  protocol: number,
  payload: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(ethernet.HEADER_LEN + ipv4.HEADER_LEN + payload.length);
  const l3 = ethernet.encode({ dst: parseMac(dstMac), src: parseMac(sender.mac), type: ethernet.EtherType.Ipv4 }, frame);
  const header = {
    tos: 0,
    totalLength: ipv4.HEADER_LEN + payload.length,
    identification,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: TTL,
    protocol,
    src,
    dst,
    options: new Uint8Array(0),
  };
  frame.set(payload, ipv4.encode(header, frame, l3));
  return frame;
}

function segment(src: number, dst: number, dstPort: number, packet: Extract<ProbePacket, { protocol: 'tcp' }>): Uint8Array {
  const { srcPort, seq, ack } = packet;
  const flags = packet.flags.split(',').reduce((bits, word) => bits | flagBit(word), 0);
  const options = (flags & tcp.Flag.Syn) === 0 ? NO_OPTIONS : MSS_1460;
  const payload = new TextEncoder().encode(packet.text);
  const b = new Uint8Array(tcp.HEADER_LEN + options.length + payload.length);
  b.set(payload, tcp.encode({ srcPort, dstPort, seq, ack, flags, window: WINDOW, checksum: 0, urgentPointer: 0, options }, b));
  tcp.setChecksum(b, 0, transportChecksum(src, dst, ipv4.Protocol.Tcp, b));
  return b;
}

const flagBits: Readonly<Record<string, number>> = {
  FIN: tcp.Flag.Fin,
  SYN: tcp.Flag.Syn,
  RST: tcp.Flag.Rst,
  PSH: tcp.Flag.Psh,
  ACK: tcp.Flag.Ack,
};

function flagBit(word: string): number {
  const bit = flagBits[word];
  if (bit === undefined) throw new LabError('BAD_INPUT', `"${word}" is no flag of a probe: there are ${Object.keys(flagBits).join(', ')}`);
  return bit;
}

function datagram(src: number, dst: number, srcPort: number, dstPort: number, text: string): Uint8Array {
  const payload = new TextEncoder().encode(text);
  const b = new Uint8Array(udp.HEADER_LEN + payload.length);
  b.set(payload, udp.encode({ srcPort, dstPort, length: b.length, checksum: 0 }, b));
  udp.setChecksum(b, 0, transportChecksum(src, dst, ipv4.Protocol.Udp, b) || 0xffff); // 0 would mean "none" (RFC 768)
  return b;
}

function echoRequest(id: number, sequence: number): Uint8Array {
  const b = new Uint8Array(icmp.HEADER_LEN + PING_PAYLOAD.length);
  b.set(PING_PAYLOAD, icmp.HEADER_LEN);
  icmp.finish(b, 0, b.length, 8, 0, (id << 16) | sequence);
  return b;
}

const transportChecksum = (src: number, dst: number, protocol: number, b: Uint8Array): number =>
  checksum.finish(checksum.add(checksum.pseudoHeader(src, dst, protocol, b.length), b, 0, b.length));

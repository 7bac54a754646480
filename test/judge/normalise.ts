/**
 * What is compared of a frame: every field, with three exceptions that are counted. The identification of packets that a router made
 * itself; ports and ICMP ids that are drawn at random, which are compared by class and up to one consistent renaming; and checksums, of
 * which not the value is compared but by how much they are wrong, because they cover what was renamed.
 */
import { formatIpv4, formatMac } from '../../src/base/address.ts';
import { i32, u16, u32 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import * as icmp from '../../src/wire/icmp.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as tcp from '../../src/wire/tcp.ts';
import { residual } from './packet-spec.ts';

/** A field and its value as text. Values that start with `port ` or `query ` may be renamed. */
export type Fields = [name: string, value: string][];

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

/**
 * @param injected what was sent in when this came out, told from what the router made by what it is
 * @param injectedIds identifications of all packets that were sent in
 */
export function fieldsOf(frame: Uint8Array, injected: Uint8Array | undefined, injectedIds: ReadonlySet<number>): Fields {
  const fields: Fields = [
    ['eth.dst', formatMac(frame, 0)],
    ['eth.src', formatMac(frame, 6)],
    ['eth.type', ethernet.type(frame, 0).toString(16)],
  ];
  if (ethernet.type(frame, 0) !== ethernet.EtherType.Ipv4) {
    fields.push(['payload', hex(frame.subarray(14))]);
    return fields;
  }
  ipFields(frame, 14, frame.length, injectedIds, 'ip', fields, false);
  if (!injected || !isOfItsKind(frame, injected)) fields.find(([name]) => name === 'ip.id')![1] = 'made';
  return fields;
}

/**
 * Could this be the injected packet, forwarded? A router answers by another protocol, another type of message, or other flags: then
 * its identification says nothing, even if by chance it is that of a packet that was sent in.
 */
export function isOfItsKind(frame: Uint8Array, injected: Uint8Array): boolean {
  const kind = (b: Uint8Array): number => {
    const protocol = ipv4.protocol(b, 14);
    const l4 = 14 + ipv4.headerLength(b, 14);
    if (protocol === ipv4.Protocol.Icmp) return 0x1_0000 | (ipv4.fragmentOffset(b, 14) > 0 ? 0 : b[l4]!);
    if (protocol === ipv4.Protocol.Tcp) return 0x2_0000 | (ipv4.fragmentOffset(b, 14) > 0 ? 0 : b[l4 + 13]!);
    return protocol;
  };
  return kind(frame) === kind(injected);
}

function ipFields(b: Uint8Array, l3: number, end: number, ids: ReadonlySet<number>, prefix: string, out: Fields, quoted: boolean): void {
  const put = (name: string, value: string | number): void => {
    out.push([`${prefix}.${name}`, String(value)]);
  };
  const header = ipv4.headerLength(b, l3);
  if (end - l3 < ipv4.HEADER_LEN || l3 + header > end) {
    // A header checksum that covers a time option is the clock's.
    const text = hex(b.subarray(l3, end));
    put('cut', header > ipv4.HEADER_LEN ? `${text.slice(0, 20)}[sum]${text.slice(24)}` : text);
    return;
  }
  const id = ipv4.identification(b, l3);
  const l4 = l3 + header;
  put('tos', ipv4.tos(b, l3));
  put('length', ipv4.totalLength(b, l3));
  put('id', ids.has(id) ? id : 'made');
  put('fragment', ipv4.fragmentWord(b, l3).toString(16));
  put('ttl', ipv4.ttl(b, l3));
  put('protocol', ipv4.protocol(b, l3));
  put('src', formatIpv4(ipv4.src(b, l3)));
  put('dst', formatIpv4(ipv4.dst(b, l3)));
  put('options', options(b, l3 + ipv4.HEADER_LEN, l4));
  put('checksum', checksum.fold(checksum.add(0, b, l3, l4)) === 0xffff ? 'right' : 'wrong');
  if (ipv4.fragmentOffset(b, l3) > 0) {
    put('payload', hex(b.subarray(l4, end)));
    return;
  }
  const whole = !ipv4.isFragment(b, l3) && (!quoted || ipv4.totalLength(b, l3) === end - l3);
  switch (ipv4.protocol(b, l3)) {
    case ipv4.Protocol.Tcp:
      transportFields(b, l3, l4, end, `${prefix}.tcp`, out, whole);
      return;
    case ipv4.Protocol.Udp:
      transportFields(b, l3, l4, end, `${prefix}.udp`, out, whole);
      return;
    case ipv4.Protocol.Icmp:
      icmpFields(b, l4, end, ids, `${prefix}.icmp`, out, whole);
      return;
    default:
      put('payload', hex(b.subarray(l4, end)));
  }
}

/** Options in hex; a time that somebody wrote into a timestamp option (RFC 791) is only said to be there. */
function options(b: Uint8Array, at: number, end: number): string {
  const text = hex(b.subarray(at, end));
  if (at === end || b[at] !== 68) return text;
  const perEntry = (b[at + 3]! & 15) === 0 ? 4 : 8;
  let masked = text.slice(0, 8);
  for (let i = at + 4; i < at + b[at + 1]!; i += 4) {
    const isTime = (i - at - 4) % perEntry === perEntry - 4;
    masked += isTime && u32(b, i) !== 0 ? '[time]  ' : text.slice((i - at) * 2, (i - at) * 2 + 8);
  }
  return masked + text.slice(b[at + 1]! * 2);
}

function transportFields(b: Uint8Array, l3: number, l4: number, end: number, prefix: string, out: Fields, whole: boolean): void {
  const put = (name: string, value: string | number): void => {
    out.push([`${prefix}.${name}`, String(value)]);
  };
  if (end - l4 < 4) {
    put('cut', hex(b.subarray(l4, end)));
    return;
  }
  put('srcPort', `port ${u16(b, l4)}`);
  put('dstPort', `port ${u16(b, l4 + 2)}`);
  const isTcp = ipv4.protocol(b, l3) === ipv4.Protocol.Tcp;
  const field = isTcp ? tcp.CHECKSUM_OFFSET : 6;
  if (end - l4 < field + 2) {
    put('rest', hex(b.subarray(l4 + 4, end)));
    return;
  }
  // What stands between ports and checksum, and behind it; the checksum by its error.
  put(isTcp ? 'seqToWindow' : 'length', hex(b.subarray(l4 + 4, l4 + field)));
  put('rest', hex(b.subarray(l4 + field + 2, end)));
  if (!isTcp && u16(b, l4 + 6) === 0) put('checksum', 'none');
  else if (whole) put('checksum', `off by ${residual(b, l3, l4, end) ^ 0xffff}`);
}

function icmpFields(b: Uint8Array, l4: number, end: number, ids: ReadonlySet<number>, prefix: string, out: Fields, whole: boolean): void {
  const put = (name: string, value: string | number): void => {
    out.push([`${prefix}.${name}`, String(value)]);
  };
  if (end - l4 < icmp.HEADER_LEN) {
    // The checksum covers an identifier that may have been drawn, and is not here.
    const text = hex(b.subarray(l4, end));
    put('cut', whole ? text : text.slice(0, 4));
    return;
  }
  const type = icmp.type(b, l4);
  put('type', type);
  put('code', icmp.code(b, l4));
  if (whole) put('checksum', `off by ${checksum.fold(checksum.add(0, b, l4, end)) ^ 0xffff}`);
  if (icmp.isError(type)) {
    put('rest', u32(b, l4 + 4).toString(16));
    ipFields(b, l4 + 8, end, ids, `${prefix}.quoted`, out, true);
    return;
  }
  put('id', `query ${icmp.id(b, l4)}`);
  put('sequence', i32(b, l4 + 4) & 0xffff);
  // Receive and transmit time of a timestamp reply (RFC 792) are the clock's.
  put('payload', hex(b.subarray(l4 + 8, type === icmp.Type.TimestampReply ? l4 + 12 : end)));
}

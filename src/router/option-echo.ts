/**
 * What an answer takes over from the IPv4 options of the packet that it answers (`__ip_options_echo`, `net/ipv4/ip_options.c`; RFC 1122
 * section 3.2.1.8): record route and timestamp go on in an ICMP message or a reset, and this node writes itself in once more. Anything
 * else is left out.
 *
 * Differs from Linux: a source route is not turned round (`ip-options.ts`).
 */
import type { Packet } from '../packet/packet.ts';
import { i32, setU32 } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { RouteType } from './fib.ts';
import { OptionType, TimestampKind, timeOfDay } from './option.ts';
import type { Plane } from './plane.ts';

/** The list of the answer that is being made; a header holds 40 bytes. */
const list = new Uint8Array(40);
let length = 0;
/** Offsets into `list` of the addresses that the answer's source will take, -1 none. */
let routeAt = -1;
let timeAt = -1;

/**
 * Reads the options of `about`, which have been checked and filled in on its way in, and keeps what the answer will carry.
 * @returns its length, a multiple of four; -1 when there can be no answer.
 */
export function echoOptions(plane: Plane, about: Packet): number {
  length = 0;
  routeAt = -1;
  timeAt = -1;
  const b = about.bytes;
  const end = about.l4;
  let route = -1;
  let time = -1;
  for (let at = about.l3 + ipv4.HEADER_LEN; at < end && b[at] !== OptionType.End; ) {
    if (b[at] === OptionType.Nop) {
      at++;
      continue;
    }
    const size = at + 1 < end ? b[at + 1]! : 0;
    // What comes behind a malformed option has not been looked at.
    if (size < 2 || at + size > end) break;
    if (b[at] === OptionType.RecordRoute) {
      if (route >= 0 || size < 3 || b[at + 2]! < 4) break;
      route = at;
    } else if (b[at] === OptionType.Timestamp) {
      if (time >= 0 || size < 4 || b[at + 2]! < 5) break;
      time = at;
    }
    at += size;
  }
  if (route >= 0 && !echoRoute(b, route)) return -1;
  if (time >= 0 && !echoTime(plane, b, time)) return -1;
  while ((length & 3) !== 0) list[length++] = OptionType.End;
  return length;
}

function take(b: Uint8Array, at: number): number {
  const to = length;
  for (let i = 0; i < b[at + 1]!; i++) list[to + i] = b[at + i]!;
  length += b[at + 1]!;
  return to;
}

function echoRoute(b: Uint8Array, at: number): boolean {
  const to = take(b, at);
  const pointer = list[to + 2]!;
  if (pointer > list[to + 1]!) return true;
  if (pointer + 3 > list[to + 1]!) return false;
  list[to + 2] = pointer + 4;
  routeAt = to + pointer - 1;
  return true;
}

function echoTime(plane: Plane, b: Uint8Array, at: number): boolean {
  const to = take(b, at);
  const size = list[to + 1]!;
  let pointer = list[to + 2]!;
  if (pointer > size) return true;
  const kind = list[to + 3]! & 15;
  let timed = kind === TimestampKind.TimeOnly || kind === TimestampKind.TimeAndAddress;
  if (kind === TimestampKind.TimeAndAddress) {
    if (pointer + 3 > size) return false;
    timeAt = to + pointer - 1;
    pointer += 4;
  }
  if (timed) {
    if (pointer + 3 > size) return false;
    pointer += 4;
  } else if (kind === TimestampKind.Prespecified && pointer + 7 <= size) {
    timed = plane.fib.addressType(i32(list, to + pointer - 1)) !== RouteType.Unicast;
    if (timed) pointer += 8;
  }
  list[to + 2] = pointer;
  if (timed) setU32(list, to + pointer - 5, timeOfDay());
  return true;
}

/** Puts the list of the last `echoOptions` behind the header at `p.l3`, which was written without options. */
export function putOptions(p: Packet): void {
  if (length === 0) return;
  const at = p.l3 + ipv4.HEADER_LEN;
  for (let i = 0; i < length; i++) p.bytes[at + i] = list[i]!;
  p.bytes[p.l3] = 0x45 + (length >> 2);
  p.routeSlot = routeAt < 0 ? 0 : ipv4.HEADER_LEN + routeAt;
  p.timeSlot = timeAt < 0 ? 0 : ipv4.HEADER_LEN + timeAt;
  ipv4.rewriteChecksum(p.bytes, p.l3);
}

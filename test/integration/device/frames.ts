/** Frames for the device tests: one Ethernet header, IPv4, UDP or TCP, and a payload that tells frames apart. */

import { arena } from '../../../src/os/memory.ts';
import { Packet } from '../../../src/packet/packet.ts';

export interface FrameFields {
  dst: ArrayLike<number>;
  src: ArrayLike<number>;
  number?: number;
  payload?: number;
  vlan?: number;
  protocol?: 6 | 17;
}

const CLIENT = [10, 9, 0, 1];
const SERVER = [10, 9, 0, 2];

function sum(b: Uint8Array, from: number, to: number, start = 0): number {
  let s = start;
  for (let i = from; i < to; i += 2) s += (b[i]! << 8) | (i + 1 < to ? b[i + 1]! : 0);
  while (s > 0xffff) s = (s & 0xffff) + (s >>> 16);
  return s;
}

/** Offset of the IPv4 header. */
const l3Of = (b: Uint8Array): number => (b[12] === 0x81 && b[13] === 0 ? 18 : 14);

/** Sum over pseudo-header and transport part, 0xffff when the checksum is right. */
export function transportSum(frame: Uint8Array): number {
  const l3 = l3Of(frame);
  const end = l3 + ((frame[l3 + 2]! << 8) | frame[l3 + 3]!);
  return sum(frame, l3 + 20, end, sum(frame, l3 + 12, l3 + 20, frame[l3 + 9]! + end - l3 - 20));
}

/** A whole frame, checksums finished. `number` stands in the first four bytes of the payload. */
export function frame(f: FrameFields): Uint8Array {
  const protocol = f.protocol ?? 17;
  const header = protocol === 17 ? 8 : 20;
  const tag = f.vlan === undefined ? [] : [0x81, 0, f.vlan >> 8, f.vlan & 255];
  const l3 = 14 + tag.length;
  const payload = f.payload ?? 64;
  const total = 20 + header + payload;
  const b = new Uint8Array(l3 + total);
  b.set([
    ...Array.from(f.dst),
    ...Array.from(f.src),
    ...tag,
    8,
    0,
    0x45,
    0,
    total >> 8,
    total & 255,
    0,
    0,
    0x40,
    0,
    64,
    protocol,
    0,
    0,
    ...CLIENT,
    ...SERVER,
  ]);
  const ip = ~sum(b, l3, l3 + 20) & 0xffff;
  b.set([ip >> 8, ip & 255], l3 + 10);
  const l4 = l3 + 20;
  b.set([0x9c, 0x40, 0x1f, 0x90], l4);
  if (protocol === 17) b.set([(header + payload) >> 8, (header + payload) & 255], l4 + 4);
  else b.set([0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff], l4 + 4);
  for (let i = 0; i < payload; i++) b[l4 + header + i] = (i * 7 + (f.number ?? 0)) & 255;
  new DataView(b.buffer).setUint32(l4 + header, f.number ?? 0);
  const at = l4 + (protocol === 17 ? 6 : 16);
  const csum = ~transportSum(b) & 0xffff;
  b.set([csum >> 8, csum & 255], at);
  return b;
}

export const numberOf = (b: Uint8Array): number => {
  const l3 = l3Of(b);
  return new DataView(b.buffer, b.byteOffset).getUint32(l3 + 20 + (b[l3 + 9] === 17 ? 8 : 20));
};

/** A TCP segment of many MTUs with its checksum unfinished, as a sender's stack leaves it with TSO on. */
export function segment(f: FrameFields, gsoSize: number): Packet {
  const bytes = frame({ ...f, protocol: 6 });
  const l4 = 34;
  const pseudo = sum(bytes, 26, 34, 6 + bytes.length - l4);
  bytes.set([pseudo >> 8, pseudo & 255], l4 + 16);
  const p = packetOf(bytes);
  p.csumStart = p.start + l4;
  p.csumOffset = 16;
  p.gsoType = 1;
  p.gsoSize = gsoSize;
  p.hdrLen = 54;
  return p;
}

/** A packet in memory of its own, with an address. @param headroom free bytes in front of the frame */
export function packetOf(bytes: Uint8Array, headroom = 64): Packet {
  const memory = arena(headroom + bytes.length);
  memory.bytes.set(bytes, headroom);
  const p = new Packet();
  p.borrow(memory, 0, headroom, headroom + bytes.length, headroom + bytes.length);
  return p;
}

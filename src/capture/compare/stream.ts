/** One direction of a TCP connection put together from the segments that a hop saw: each byte once, however it was cut and repeated. */
import type { Sighting } from '../sighting.ts';

export interface Stream {
  /** From the first byte after SYN up to the first gap. */
  bytes: Buffer;
  /** Bytes between the start and the end that no segment carried. */
  missing: number;
  /** Segments that carried data; some or all of it again. */
  segments: number;
  retransmitted: number;
  /** A byte was sent twice with different values: the first position, or -1. */
  conflictAt: number;
}

/** @param start sequence number of the first byte: one after SYN's. Frames that were cut count with zeros for what is not there. */
export function assemble(sightings: readonly Sighting[], start: number): Stream {
  const pieces: { at: number; bytes: Uint8Array; length: number }[] = [];
  let end = 0;
  for (const s of sightings) {
    const length = dataLength(s);
    const fin = s.tcp!.flags.includes('FIN');
    if (length === 0 && !fin) continue;
    const syn = s.tcp!.flags.includes('SYN') ? 1 : 0;
    // FIN stands behind the last byte: it shows an end that never came.
    if (fin) end = Math.max(end, signed(s.tcp!.seq + syn - start) + length);
    if (length === 0) continue;
    pieces.push({ at: signed(s.tcp!.seq + syn - start), bytes: s.payload, length });
  }
  for (const p of pieces) end = Math.max(end, p.at + p.length);
  const bytes = Buffer.alloc(end);
  const have = new Uint8Array(end);
  const stream: Stream = { bytes, missing: 0, segments: pieces.length, retransmitted: 0, conflictAt: -1 };
  for (const p of pieces) {
    let again = false;
    for (let i = 0; i < p.length; i++) {
      const at = p.at + i;
      if (at < 0) continue; // a keep-alive repeats the byte before the first
      const value = p.bytes[i] ?? 0;
      if (have[at] === 1) {
        again = true;
        if (bytes[at] !== value && stream.conflictAt < 0) stream.conflictAt = at;
      } else {
        have[at] = 1;
        bytes[at] = value;
      }
    }
    if (again || p.at < 0) stream.retransmitted++;
  }
  for (let i = 0; i < end; i++) if (have[i] === 0) stream.missing++;
  const gap = have.indexOf(0);
  if (gap >= 0) stream.bytes = bytes.subarray(0, gap);
  return stream;
}

/** Bytes of TCP data by the IP length, whether or not they were captured. */
export function dataLength(s: Sighting): number {
  if (!s.tcp) return 0;
  const captured = s.payload.length;
  return s.frame.originalLength > s.frame.bytes.length ? captured + s.frame.originalLength - s.frame.bytes.length : captured;
}

const signed = (v: number): number => v | 0;

/**
 * Fragmentation on the way out (RFC 791 section 3.2; `ip_do_fragment`, `net/ipv4/ip_output.c`). The hooks have seen the whole packet;
 * its fragments go on from behind POSTROUTING. What reassembly put together leaves in the same
 * pieces where each of them fits, and otherwise in pieces no larger than the largest.
 */
import { DropReason } from '../base/drop-reason.ts';
import type { Packet } from '../packet/packet.ts';
import { finishChecksum } from '../packet/partial-checksum.ts';
import { copy } from '../wire/bytes.ts';
import * as ethernet from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { Reassembly } from './fragments.ts';
import { type Plane, Step } from './plane.ts';

export function fragment(plane: Plane, p: Packet, mtu: number): Step {
  finishChecksum(p);
  const b = p.bytes;
  const header = p.l4 - p.l3;
  const limit = p.fragMaxSize !== 0 && p.fragMaxSize < mtu ? p.fragMaxSize : mtu;
  const room = (limit - header) & ~7;
  if (room < 8) return plane.drop(p, DropReason.PktTooBig);
  // A fragment of a fragment keeps its place in the original, and its More Fragments.
  const word = ipv4.fragmentWord(b, p.l3);
  const base = ipv4.fragmentOffset(b, p.l3);
  const payload = p.end - p.l4;
  const { reassembly } = plane;
  const pieces = p.slot >= 0 && p.slot === reassembly.whole && piecesFit(reassembly, limit - header) ? reassembly.pieces : null;
  for (let at = 0, n = 0, length = 0; at < payload; at += length) {
    length = pieces !== null ? pieces[n++]! : Math.min(room, payload - at);
    const last = at + length === payload;
    const f = plane.arena.take(ethernet.HEADER_LEN + header + length);
    if (f === null) return plane.drop(p, DropReason.NoMemory);
    f.l3 = f.start + ethernet.HEADER_LEN;
    f.l4 = f.l3 + header;
    copy(b, p.l3 - ethernet.HEADER_LEN, f.bytes, f.start, p.l3 - p.start >= ethernet.HEADER_LEN ? ethernet.HEADER_LEN : 0);
    copy(b, p.l3, f.bytes, f.l3, header);
    copy(b, p.l4 + at, f.bytes, f.l4, length);
    f.inherit(p);
    f.fragMaxSize = 0;
    f.fragDf = false;
    if (at > 0 && header > ipv4.HEADER_LEN) keepCopiedOptions(f.bytes, f.l3 + ipv4.HEADER_LEN, f.l4);
    const more = last ? word & ipv4.MF : ipv4.MF;
    // `ip_fraglist_init` writes the word anew and forgets DF; `ip_frag_next` keeps it.
    const df = p.fragDf && pieces === null ? ipv4.DF : 0;
    ipv4.setFragmentWord(f.bytes, f.l3, df | more | ((base + at) >> 3));
    ipv4.setTotalLength(f.bytes, f.l3, header + length);
    if (at > 0 && header > ipv4.HEADER_LEN) ipv4.rewriteChecksum(f.bytes, f.l3);
    plane.later(f, Step.Resume);
  }
  return Step.Done;
}

/** May the pieces leave as they came: does each fit, and end where another can begin? */
function piecesFit({ pieces, pieceCount }: Reassembly, room: number): boolean {
  for (let i = 0; i < pieceCount; i++) if (pieces[i]! > room || ((pieces[i]! & 7) !== 0 && i + 1 < pieceCount)) return false;
  return true;
}

/** Options without the copied flag are for the first fragment only: they become NOPs in the others (`ip_options_fragment`). */
function keepCopiedOptions(b: Uint8Array, at: number, end: number): void {
  let i = at;
  while (i < end) {
    const type = b[i]!;
    if (type === 0) return;
    if (type === 1) {
      i++;
      continue;
    }
    const length = i + 1 < end ? b[i + 1]! : 0;
    if (length < 2 || i + length > end) return;
    if ((type & 0x80) === 0) b.fill(1, i, i + length);
    i += length;
  }
}

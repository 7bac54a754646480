/** The TCP options that window tracking reads (`tcp_options`, `tcp_sack`, `net/netfilter/nf_conntrack_proto_tcp.c`). */
import { i32 } from '../../wire/bytes.ts';
import { HEADER_LEN, headerLength, Option } from '../../wire/tcp.ts';

/** IP_CT_TCP_FLAG_* of one direction. The last two are of the whole entry and stand in `last_flags`. */
export const TcpFlag = {
  WindowScale: 1,
  SackPerm: 2,
  CloseInit: 4,
  BeLiberal: 8,
  DataUnacknowledged: 16,
  MaxAckSet: 32,
  ExpChallengeAck: 64,
  SimultaneousOpen: 128,
} as const;

/** RFC 7323 section 2.3. */
const MAX_WSCALE = 14;
const SACK_PERMITTED_LEN = 2;
const WINDOW_SCALE_LEN = 3;
const SACK_BASE = 2;
const SACK_BLOCK = 8;
const TIMESTAMPS_ALIGNED = 12;

/**
 * What a SYN or SYN/ACK at `at` announces: flags WindowScale and SackPerm, and the shift << 8. -1 when it carries no options at all:
 * then what was known stays as it was.
 */
export function synOptions(b: Uint8Array, at: number): number {
  const end = at + headerLength(b, at);
  let i = at + HEADER_LEN;
  if (i === end) return -1;
  let found = 0;
  while (i < end) {
    const kind = b[i]!;
    if (kind === Option.End) return found;
    if (kind === Option.Nop) {
      i++;
      continue;
    }
    if (i + 1 >= end) return found;
    const len = b[i + 1]!;
    if (len < 2 || i + len > end) return found;
    if (kind === Option.SackPermitted && len === SACK_PERMITTED_LEN) found |= TcpFlag.SackPerm;
    else if (kind === Option.WindowScale && len === WINDOW_SCALE_LEN) {
      found = (found & 0xff) | TcpFlag.WindowScale | (Math.min(b[i + 2]!, MAX_WSCALE) << 8);
    }
    i += len;
  }
  return found;
}

/** The highest right edge of a SACK block, or `ack` when none is above it. */
export function highestSack(b: Uint8Array, at: number, ack: number): number {
  const end = at + headerLength(b, at);
  let i = at + HEADER_LEN;
  // Most segments carry timestamps alone, in the form of RFC 7323 appendix A.
  if (end - i === TIMESTAMPS_ALIGNED && i32(b, i) === 0x0101080a) return ack;
  while (i < end) {
    const kind = b[i]!;
    if (kind === Option.End) return ack;
    if (kind === Option.Nop) {
      i++;
      continue;
    }
    if (i + 1 >= end) return ack;
    const len = b[i + 1]!;
    if (len < 2 || i + len > end) return ack;
    if (kind === Option.Sack && len >= SACK_BASE + SACK_BLOCK && (len - SACK_BASE) % SACK_BLOCK === 0) {
      let highest = ack;
      for (let block = i + SACK_BASE; block < i + len; block += SACK_BLOCK) {
        const edge = i32(b, block + 4);
        if (((highest - edge) | 0) < 0) highest = edge;
      }
      return highest;
    }
    i += len;
  }
  return ack;
}

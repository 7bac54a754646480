/**
 * TCP window tracking: is a segment within what both ends can have agreed on (`tcp_in_window`, `nf_conntrack_proto_tcp.c`; the idea is
 * Guido van Rooij's, "Real Stateful TCP Packet Filtering in IP Filter").
 *
 *   I    seq       <= sender.td_maxend
 *   II   seq + len >= sender.td_end - receiver.td_maxwin
 *   III  sack      <= receiver.td_end
 *   IV   sack      >= receiver.td_end - max(sender.td_maxwin, 66000)
 *
 * Sequence numbers are int32 and compared by the sign of their difference. Windows are unsigned and may pass 2^31: they are read with
 * `>>> 0`.
 */
import { Flag } from '../../wire/tcp.ts';
import type { Core } from '../core.ts';
import {
  END,
  ENTRY,
  LAST_ACK,
  LAST_END,
  LAST_SEQ,
  MAXACK,
  MAXEND,
  MAXWIN,
  STATE_SHIFT,
  STATUS,
  TCP_FLAGS,
  TCP_LAST,
  TCP_REPLY,
} from '../layout.ts';
import { Invalid } from '../statistics.ts';
import { highestSack, synOptions, TcpFlag } from './options.ts';
import type { Segment } from './segment.ts';
import { TcpPacket, TcpState } from './states.ts';

/** NFCT_TCP_ACCEPT, _IGNORE (passes, nothing is learnt), _INVALID. */
export const InWindow = { Accept: 0, Ignore: 1, Invalid: 2 } as const;

const MAX_ACK_WINDOW = 66_000;

/** `after` of the kernel: at half the circle both numbers are after each other. */
const after = (a: number, b: number): boolean => ((b - a) | 0) < 0;
/** Past `edge`, which may be reached. */
const beyond = (a: number, edge: number): boolean => ((a - edge - 1) | 0) >= 0;

/** Puts what a SYN announced into the flags word: of the entry's old flags in that direction only BeLiberal stays. */
export function setSynOptions(word: number, dir: number, options: number): number {
  if (options < 0) return word;
  const at = dir << 3;
  const scaleAt = 24 + (dir << 2);
  const kept = word & ~((0xff ^ TcpFlag.BeLiberal) << at) & ~(15 << scaleAt);
  return kept | ((options & 0xff) << at) | ((options >> 8) << scaleAt);
}

/** `tcp_init_sender`: start, or start again, with a SYN or SYN/ACK of this direction. */
function initSender(core: Core, i: number, dir: number, s: Segment, end: number): void {
  const words = core.table.words;
  const w = i * ENTRY + dir * TCP_REPLY;
  words[w + END] = end;
  words[w + MAXEND] = end;
  words[w + MAXWIN] = s.window === 0 ? 1 : s.window;
  const f = i * ENTRY + TCP_FLAGS;
  let word = setSynOptions(words[f]!, dir, synOptions(s.bytes, s.at));
  // RFC 7323 section 2.2: the shift counts only when both sides sent the option.
  if (dir === 1 && (word & (word >>> 8) & TcpFlag.WindowScale) === 0) word &= 0x00ff_ffff;
  words[f] = word;
}

export function inWindow(core: Core, i: number, dir: number, packet: number, s: Segment): number {
  const words = core.table.words;
  const b = i * ENTRY;
  const snd = i * ENTRY + dir * TCP_REPLY;
  const rcv = i * ENTRY + (1 - dir) * TCP_REPLY;
  const flags = s.flags;
  const state = (words[b + STATUS]! >>> STATE_SHIFT) & 15;
  let seq = s.seq;
  let ack = s.ack;
  let end = s.end;
  let win = s.window;
  const rcvFlags = (words[b + TCP_FLAGS]! >>> ((1 - dir) << 3)) & 0xff;
  let sack = (rcvFlags & TcpFlag.SackPerm) === 0 ? ack : highestSack(s.bytes, s.at, ack);

  if (words[snd + MAXWIN] === 0) {
    if ((flags & Flag.Syn) !== 0) {
      initSender(core, i, dir, s, end);
      if ((flags & Flag.Ack) === 0) return InWindow.Accept; // simultaneous open
    } else {
      // In the middle of a connection: take what the segment says.
      words[snd + END] = end;
      const scaled = win << ((words[b + TCP_FLAGS]! >>> (24 + (dir << 2))) & 15);
      words[snd + MAXWIN] = scaled === 0 ? 1 : scaled;
      words[snd + MAXEND] = end + words[snd + MAXWIN]!;
      if (words[rcv + MAXWIN] === 0) {
        // Nothing was seen of the other side yet: let III and IV pass until then.
        words[rcv + END] = sack;
        words[rcv + MAXEND] = sack;
      } else if (sack === ((words[rcv + END]! + 1) | 0)) {
        words[rcv + END] = sack; // the answer to a keep-alive
      }
    }
  } else if ((flags & Flag.Syn) !== 0 && after(end, words[snd + END]!) && (state === TcpState.SynSent || state === TcpState.SynRecv)) {
    // A TCP that starts anew with higher numbers (RFC 9293 section 3.4.3).
    initSender(core, i, dir, s, end);
    if (dir === 1 && (flags & Flag.Ack) === 0) return InWindow.Accept;
  }

  // No ACK, or the zero of stacks that set ACK in a RST: as if it acknowledged everything.
  if ((flags & Flag.Ack) === 0 || ((flags & Flag.Rst) !== 0 && ack === 0)) {
    ack = words[rcv + END]!;
    sack = ack;
  }
  if ((flags & Flag.Rst) !== 0 && seq === 0 && state === TcpState.SynSent) {
    seq = words[snd + END]!; // a RST that answers the SYN
    end = seq;
  }

  const sndMaxWin = words[snd + MAXWIN]! >>> 0;
  const rcvMaxWin = words[rcv + MAXWIN]! >>> 0;
  const ackFloor = (words[rcv + END]! - Math.max(sndMaxWin, MAX_ACK_WINDOW) - 1) | 0;
  const seqFloor = (words[snd + END]! - rcvMaxWin - 1) | 0;
  const liberal = core.sysctl.tcpBeLiberal !== 0 || ((words[b + TCP_FLAGS]! >>> (dir << 3)) & TcpFlag.BeLiberal) !== 0;

  if (beyond(seq, words[snd + MAXEND]!)) {
    const overshot = (end - words[snd + MAXEND]! + 1) >>> 0;
    if (rcvMaxWin !== 0 && after(end, seqFloor) && after(sack, ackFloor) && overshot <= rcvMaxWin && !beyond(sack, words[rcv + END]!)) {
      // A little more than the window: note it, or the ACK for it would be found over the upper bound.
      words[snd + END] = end;
      words[b + TCP_FLAGS]! |= TcpFlag.DataUnacknowledged << (dir << 3);
      return refuse(core, liberal, InWindow.Ignore, Invalid.Overshot);
    }
    return refuse(core, liberal, InWindow.Invalid, Invalid.SeqOverUpper);
  }
  if (beyond(sack, words[rcv + END]!)) return refuse(core, liberal, InWindow.Invalid, Invalid.AckOverUpper);
  if (rcvMaxWin !== 0 && !after(end, seqFloor)) return refuse(core, liberal, InWindow.Ignore, Invalid.SeqUnderLower);
  if (!after(sack, ackFloor)) return refuse(core, liberal, InWindow.Ignore, Invalid.AckUnderLower);

  if ((flags & Flag.Syn) === 0) win = win << ((words[b + TCP_FLAGS]! >>> (24 + (dir << 2))) & 15);
  const swin = (win + ((sack - ack) | 0)) >>> 0;
  if (sndMaxWin < swin) words[snd + MAXWIN] = swin;
  let word = words[b + TCP_FLAGS]!;
  const at = dir << 3;
  if (after(end, words[snd + END]!)) {
    words[snd + END] = end;
    word |= TcpFlag.DataUnacknowledged << at;
  }
  if ((flags & Flag.Ack) !== 0) {
    if ((word & (TcpFlag.MaxAckSet << at)) === 0) {
      words[snd + MAXACK] = ack;
      word |= TcpFlag.MaxAckSet << at;
    } else if (after(ack, words[snd + MAXACK]!)) {
      words[snd + MAXACK] = ack;
    }
  }
  if (rcvMaxWin !== 0 && after(end, words[snd + MAXEND]!)) words[rcv + MAXWIN]! += (end - words[snd + MAXEND]!) | 0;
  const right = (sack + win) | 0;
  if (after(right, words[rcv + MAXEND]! - 1)) words[rcv + MAXEND] = win === 0 ? right + 1 : right;
  if (ack === words[rcv + END]) word &= ~(TcpFlag.DataUnacknowledged << ((1 - dir) << 3));
  words[b + TCP_FLAGS] = word;

  if (packet === TcpPacket.Ack) noteRetransmission(words, b, dir, seq, ack, end, s.window);
  return InWindow.Accept;
}

/** Counts the same ACK segment again and again: past `nf_conntrack_tcp_max_retrans` the entry lives for a shorter time. */
function noteRetransmission(words: Int32Array, b: number, dir: number, seq: number, ack: number, end: number, window: number): void {
  const last = words[b + TCP_LAST]!;
  if (
    ((last >>> 27) & 1) === dir &&
    words[b + LAST_SEQ] === seq &&
    words[b + LAST_ACK] === ack &&
    words[b + LAST_END] === end &&
    (last & 0xffff) === window
  ) {
    words[b + TCP_LAST] = (last & 0xff00_ffff) | ((last + 0x1_0000) & 0x00ff_0000); // u8: wraps, as in the kernel
  } else {
    words[b + TCP_LAST] = (last & 0xf700_0000) | (dir << 27) | window;
    words[b + LAST_SEQ] = seq;
    words[b + LAST_ACK] = ack;
    words[b + LAST_END] = end;
  }
}

/** `nf_tcp_log_invalid`: a liberal tracker accepts it. */
function refuse(core: Core, liberal: boolean, verdict: number, reason: Invalid): number {
  if (liberal) return InWindow.Accept;
  core.count(reason);
  return verdict;
}

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
  COLD,
  COLD_REPLY,
  END,
  HOT,
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
} from '../layout.ts';
import { Invalid } from '../statistics.ts';
import { highestSack, synOptions, TcpFlag } from './options.ts';
import type { Segment } from './segment.ts';
import { TcpPacket, TcpState } from './states.ts';

/** NFCT_TCP_ACCEPT, _IGNORE (passes, nothing is learnt), _INVALID. */
export const InWindow = { Accept: 0, Ignore: 1, Invalid: 2 } as const;

const MAX_ACK_WINDOW = 66_000;

const after = (a: number, b: number): boolean => ((a - b) | 0) > 0;

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
  const cold = core.table.cold;
  const w = (i << COLD) + dir * COLD_REPLY;
  cold[w + END] = end;
  cold[w + MAXEND] = end;
  cold[w + MAXWIN] = s.window === 0 ? 1 : s.window;
  const hot = core.table.hot;
  const f = (i << HOT) + TCP_FLAGS;
  let word = setSynOptions(hot[f]!, dir, synOptions(s.bytes, s.at));
  // RFC 7323 section 2.2: the shift counts only when both sides sent the option.
  if (dir === 1 && (word & (word >>> 8) & TcpFlag.WindowScale) === 0) word &= 0x00ff_ffff;
  hot[f] = word;
}

export function inWindow(core: Core, i: number, dir: number, packet: number, s: Segment): number {
  const { hot, cold } = core.table;
  const b = i << HOT;
  const snd = (i << COLD) + dir * COLD_REPLY;
  const rcv = (i << COLD) + (1 - dir) * COLD_REPLY;
  const flags = s.flags;
  const state = (hot[b + STATUS]! >>> STATE_SHIFT) & 15;
  let seq = s.seq;
  let ack = s.ack;
  let end = s.end;
  let win = s.window;
  const rcvFlags = (hot[b + TCP_FLAGS]! >>> ((1 - dir) << 3)) & 0xff;
  let sack = (rcvFlags & TcpFlag.SackPerm) === 0 ? ack : highestSack(s.bytes, s.at, ack);

  if (cold[snd + MAXWIN] === 0) {
    if ((flags & Flag.Syn) !== 0) {
      initSender(core, i, dir, s, end);
      if ((flags & Flag.Ack) === 0) return InWindow.Accept; // simultaneous open
    } else {
      // In the middle of a connection: take what the segment says.
      cold[snd + END] = end;
      const scaled = win << ((hot[b + TCP_FLAGS]! >>> (24 + (dir << 2))) & 15);
      cold[snd + MAXWIN] = scaled === 0 ? 1 : scaled;
      cold[snd + MAXEND] = end + cold[snd + MAXWIN]!;
      if (cold[rcv + MAXWIN] === 0) {
        // Nothing was seen of the other side yet: let III and IV pass until then.
        cold[rcv + END] = sack;
        cold[rcv + MAXEND] = sack;
      } else if (sack === ((cold[rcv + END]! + 1) | 0)) {
        cold[rcv + END] = sack; // the answer to a keep-alive
      }
    }
  } else if ((flags & Flag.Syn) !== 0 && after(end, cold[snd + END]!) && (state === TcpState.SynSent || state === TcpState.SynRecv)) {
    // A TCP that starts anew with higher numbers (RFC 9293 section 3.4.3).
    initSender(core, i, dir, s, end);
    if (dir === 1 && (flags & Flag.Ack) === 0) return InWindow.Accept;
  }

  // No ACK, or the zero of stacks that set ACK in a RST: as if it acknowledged everything.
  if ((flags & Flag.Ack) === 0 || ((flags & Flag.Rst) !== 0 && ack === 0)) {
    ack = cold[rcv + END]!;
    sack = ack;
  }
  if ((flags & Flag.Rst) !== 0 && seq === 0 && state === TcpState.SynSent) {
    seq = cold[snd + END]!; // a RST that answers the SYN
    end = seq;
  }

  const sndMaxWin = cold[snd + MAXWIN]! >>> 0;
  const rcvMaxWin = cold[rcv + MAXWIN]! >>> 0;
  const ackFloor = (cold[rcv + END]! - Math.max(sndMaxWin, MAX_ACK_WINDOW) - 1) | 0;
  const seqFloor = (cold[snd + END]! - rcvMaxWin - 1) | 0;
  const liberal = core.sysctl.tcpBeLiberal !== 0 || ((hot[b + TCP_FLAGS]! >>> (dir << 3)) & TcpFlag.BeLiberal) !== 0;

  if (after(seq, cold[snd + MAXEND]!)) {
    const overshot = (end - cold[snd + MAXEND]! + 1) >>> 0;
    if (rcvMaxWin !== 0 && after(end, seqFloor) && after(sack, ackFloor) && overshot <= rcvMaxWin && !after(sack, cold[rcv + END]!)) {
      // A little more than the window: note it, or the ACK for it would be found over the upper bound.
      cold[snd + END] = end;
      hot[b + TCP_FLAGS]! |= TcpFlag.DataUnacknowledged << (dir << 3);
      return refuse(core, liberal, InWindow.Ignore, Invalid.Overshot);
    }
    return refuse(core, liberal, InWindow.Invalid, Invalid.SeqOverUpper);
  }
  if (after(sack, cold[rcv + END]!)) return refuse(core, liberal, InWindow.Invalid, Invalid.AckOverUpper);
  if (rcvMaxWin !== 0 && !after(end, seqFloor)) return refuse(core, liberal, InWindow.Ignore, Invalid.SeqUnderLower);
  if (!after(sack, ackFloor)) return refuse(core, liberal, InWindow.Ignore, Invalid.AckUnderLower);

  if ((flags & Flag.Syn) === 0) win = win << ((hot[b + TCP_FLAGS]! >>> (24 + (dir << 2))) & 15);
  const swin = (win + ((sack - ack) | 0)) >>> 0;
  if (sndMaxWin < swin) cold[snd + MAXWIN] = swin;
  let word = hot[b + TCP_FLAGS]!;
  const at = dir << 3;
  if (after(end, cold[snd + END]!)) {
    cold[snd + END] = end;
    word |= TcpFlag.DataUnacknowledged << at;
  }
  if ((flags & Flag.Ack) !== 0) {
    if ((word & (TcpFlag.MaxAckSet << at)) === 0) {
      cold[snd + MAXACK] = ack;
      word |= TcpFlag.MaxAckSet << at;
    } else if (after(ack, cold[snd + MAXACK]!)) {
      cold[snd + MAXACK] = ack;
    }
  }
  if (rcvMaxWin !== 0 && after(end, cold[snd + MAXEND]!)) cold[rcv + MAXWIN]! += (end - cold[snd + MAXEND]!) | 0;
  const right = (sack + win) | 0;
  if (!after(cold[rcv + MAXEND]!, right)) cold[rcv + MAXEND] = win === 0 ? right + 1 : right;
  if (ack === cold[rcv + END]) word &= ~(TcpFlag.DataUnacknowledged << ((1 - dir) << 3));
  hot[b + TCP_FLAGS] = word;

  if (packet === TcpPacket.Ack) noteRetransmission(hot, b, dir, seq, ack, end, s.window);
  return InWindow.Accept;
}

/** Counts the same ACK segment again and again: past `nf_conntrack_tcp_max_retrans` the entry lives for a shorter time. */
function noteRetransmission(hot: Int32Array, b: number, dir: number, seq: number, ack: number, end: number, window: number): void {
  const last = hot[b + TCP_LAST]!;
  if (
    ((last >>> 27) & 1) === dir &&
    hot[b + LAST_SEQ] === seq &&
    hot[b + LAST_ACK] === ack &&
    hot[b + LAST_END] === end &&
    (last & 0xffff) === window
  ) {
    hot[b + TCP_LAST] = (last & 0xff00_ffff) | ((last + 0x1_0000) & 0x00ff_0000); // u8: wraps, as in the kernel
  } else {
    hot[b + TCP_LAST] = (last & 0xf700_0000) | (dir << 27) | window;
    hot[b + LAST_SEQ] = seq;
    hot[b + LAST_ACK] = ack;
    hot[b + LAST_END] = end;
  }
}

/** `nf_tcp_log_invalid`: a liberal tracker accepts it. */
function refuse(core: Core, liberal: boolean, verdict: number, reason: Invalid): number {
  if (liberal) return InWindow.Accept;
  core.count(reason);
  return verdict;
}

/** The TCP tracker: what one segment does to its entry (`nf_conntrack_tcp_packet`, `net/netfilter/nf_conntrack_proto_tcp.c`). */

import type { Packet } from '../../packet/packet.ts';
import { verifyTransport } from '../../packet/transport-checksum.ts';
import { Hook } from '../../packet/verdict.ts';
import * as checksum from '../../wire/checksum.ts';
import * as ipv4 from '../../wire/ipv4.ts';
import * as tcp from '../../wire/tcp.ts';
import type { Core } from '../core.ts';
import { Event } from '../events.ts';
import {
  END,
  ENTRY,
  LAST_ACK,
  LAST_END,
  LAST_SEQ,
  MAXACK,
  MAXEND,
  MAXWIN,
  STATE_MASK,
  STATE_SHIFT,
  STATUS,
  TCP_FLAGS,
  TCP_LAST,
  TCP_REPLY,
} from '../layout.ts';
import { Invalid } from '../statistics.ts';
import { Ips } from '../status.ts';
import { Timeout } from '../timeouts.ts';
import { synOptions, TcpFlag } from './options.ts';
import { Segment } from './segment.ts';
import { isClosing, nextState, packetClass, TcpPacket, TcpState, validFlags } from './states.ts';
import { InWindow, inWindow, setSynOptions } from './window.ts';

/** What the packet comes to. `Repeat`: the entry was deleted for a new connection, look up again. */
export const Tracked = { Invalid: 0, Accept: 1, Repeat: 2 } as const;

/** Out-of-window FINs and RSTs shorten no timeout below this. */
const HALF_CLOSED_MS = 120_000;
const BOTH_UNACKNOWLEDGED = TcpFlag.DataUnacknowledged | (TcpFlag.DataUnacknowledged << 8);
const BOTH_CLOSE_INIT = TcpFlag.CloseInit | (TcpFlag.CloseInit << 8);
const LAST_FLAGS = 16;

const s = new Segment();

/** `tcp_error`: is there a whole header with flags that can be, and the right checksum? */
function malformed(core: Core, p: Packet, hook: Hook): boolean {
  const at = p.l4;
  if (tcp.check(p.bytes, at, p.end) !== 0) {
    core.count(Invalid.Malformed);
    return true;
  }
  if (
    hook === Hook.Prerouting &&
    core.sysctl.checksum !== 0 &&
    !verifyTransport(p, checksum.pseudoHeader(ipv4.src(p.bytes, p.l3), ipv4.dst(p.bytes, p.l3), ipv4.Protocol.Tcp, p.end - at))
  ) {
    core.count(Invalid.BadChecksum);
    return true;
  }
  if (!validFlags(tcp.flags(p.bytes, at))) {
    core.count(Invalid.TcpFlags);
    return true;
  }
  return false;
}

/** `tcp_new`: the first segment of an entry; without a SYN only where `nf_conntrack_tcp_loose` lets it in. */
function begin(core: Core, i: number): boolean {
  const state = nextState(0, packetClass(s.flags), TcpState.None);
  if (state === TcpState.Invalid || (state !== TcpState.SynSent && core.sysctl.tcpLoose === 0)) {
    core.count(Invalid.TcpNew);
    return false;
  }
  const words = core.table.words;
  const b = i * ENTRY;
  const w = i * ENTRY;
  words.fill(0, w + END, w + ENTRY);
  words[b + STATUS]! &= ~STATE_MASK;
  words[b + TCP_LAST] = TcpPacket.None << 24;
  words[b + LAST_SEQ] = 0;
  words[b + LAST_ACK] = 0;
  words[b + LAST_END] = 0;
  const win = s.window === 0 ? 1 : s.window;
  words[w + END] = s.end;
  words[w + MAXWIN] = win;
  if (state === TcpState.SynSent) {
    words[w + MAXEND] = s.end;
    words[b + TCP_FLAGS] = setSynOptions(0, 0, synOptions(s.bytes, s.at));
  } else {
    words[w + MAXEND] = s.end + win;
    // The handshake was missed: SACK is assumed, and windows are not enforced because their scale is not known.
    const both = TcpFlag.SackPerm | TcpFlag.BeLiberal;
    words[b + TCP_FLAGS] = both | (both << 8);
  }
  return true;
}

/** One segment of entry `i` in direction `dir`. Sets the state, the timeout, ASSURED. */
export function trackTcp(core: Core, p: Packet, i: number, dir: number, hook: Hook): number {
  if (malformed(core, p, hook)) return Tracked.Invalid;
  s.read(p.bytes, p.l4, p.end);
  const words = core.table.words;
  const b = i * ENTRY;
  const w = i * ENTRY;
  if ((words[b + STATUS]! & Ips.Confirmed) === 0 && !begin(core, i)) return Tracked.Invalid;

  let oldState = (words[b + STATUS]! >>> STATE_SHIFT) & 15;
  const packet = packetClass(s.flags);
  let newState = nextState(dir, packet, oldState);
  const last = words[b + TCP_LAST]!;
  const lastIndex = (last >>> 24) & 7;
  const lastDir = (last >>> 27) & 1;
  const lastFlags = (words[b + TCP_FLAGS]! >>> LAST_FLAGS) & 0xff;
  let windowed = true;

  switch (newState) {
    case TcpState.SynSent:
      if (oldState < TcpState.TimeWait) break;
      // A new connection over a closed or aborted one (RFC 9293 section 3.6.1, TIME-WAIT): start again with a fresh entry.
      if ((words[b + TCP_FLAGS]! & BOTH_CLOSE_INIT) !== 0 || (lastDir === dir && lastIndex === TcpPacket.Rst)) {
        core.kill(i);
        return Tracked.Repeat;
      }
      return ignore(core, i, dir, packet, oldState);
    case TcpState.Ignore:
      if (packet === TcpPacket.SynAck && lastIndex === TcpPacket.Syn && lastDir !== dir && s.ack === words[b + LAST_END]) {
        // It answers a SYN that was let through: both ends are in step, so follow them.
        oldState = TcpState.SynSent;
        newState = TcpState.SynRecv;
        const o = w + lastDir * TCP_REPLY;
        words[o + END] = words[b + LAST_END]!;
        words[o + MAXEND] = words[b + LAST_END]!;
        words[o + MAXWIN] = (last & 0xffff) === 0 ? 1 : last & 0xffff;
        const d = w + dir * TCP_REPLY;
        words[d + END] = 0;
        words[d + MAXEND] = 0;
        words[d + MAXWIN] = 0;
        words[d + MAXACK] = 0;
        const flags = lastFlags & ~TcpFlag.ExpChallengeAck;
        let word = words[b + TCP_FLAGS]!;
        word = (word & ~(0xff << LAST_FLAGS)) | (flags << LAST_FLAGS);
        word = (word & ~((0xff << (lastDir << 3)) | (15 << (24 + (lastDir << 2))))) | (flags << (lastDir << 3));
        word |= ((last >>> 28) & 15) << (24 + (lastDir << 2));
        word &= ~(((0xff ^ TcpFlag.BeLiberal) << (dir << 3)) | (15 << (24 + (dir << 2))));
        words[b + TCP_FLAGS] = word;
        break;
      }
      return ignore(core, i, dir, packet, oldState);
    case TcpState.Invalid:
      core.count(Invalid.TcpState);
      return Tracked.Invalid;
    case TcpState.TimeWait:
      // A challenge ACK (RFC 5961) to a stray SYN must not pass for the one that acknowledges the last FIN.
      if (
        oldState === TcpState.LastAck &&
        packet === TcpPacket.Ack &&
        lastDir !== dir &&
        lastIndex === TcpPacket.Syn &&
        (lastFlags & TcpFlag.ExpChallengeAck) !== 0
      ) {
        words[b + TCP_FLAGS]! &= ~(TcpFlag.ExpChallengeAck << LAST_FLAGS);
        core.count(Invalid.ChallengeAck);
        return Tracked.Accept;
      }
      break;
    case TcpState.SynSent2:
      words[b + TCP_FLAGS]! |= TcpFlag.SimultaneousOpen << LAST_FLAGS;
      break;
    case TcpState.SynRecv:
      if (dir === 1 && packet === TcpPacket.Ack && (lastFlags & TcpFlag.SimultaneousOpen) !== 0) newState = TcpState.Established;
      break;
    case TcpState.Close: {
      if (packet !== TcpPacket.Rst) break;
      const rst = checkRst(core, i, dir, oldState);
      if (rst === Rst.Invalid) return Tracked.Invalid;
      if (rst === Rst.Keep) newState = oldState;
      if (rst === Rst.NoWindow || (rst !== Rst.Check && rstAnswers(core, i, dir, oldState))) windowed = false;
      break;
    }
  }

  if (windowed) {
    const verdict = inWindow(core, i, dir, packet, s);
    if (verdict === InWindow.Ignore) return Tracked.Accept;
    if (verdict === InWindow.Invalid) {
      shortenIfClosing(core, i, dir, packet);
      return Tracked.Invalid;
    }
  }

  words[b + TCP_LAST] = (words[b + TCP_LAST]! & 0xf0ff_ffff) | (packet << 24) | (dir << 27);
  let status = words[b + STATUS]!;
  if (newState !== oldState) {
    if (newState === TcpState.FinWait) words[b + TCP_FLAGS]! |= TcpFlag.CloseInit << (dir << 3);
    if (core.events !== null) core.events.note(i, Event.ProtoInfo);
  }
  status = (status & ~STATE_MASK) | (newState << STATE_SHIFT);
  words[b + STATUS] = status;

  let ms = timeoutOf(core, b, packet, newState);
  if ((status & Ips.SeenReply) === 0) {
    // A RST as the only answer: there is no connection, and the entry goes at once.
    if (packet === TcpPacket.Rst) {
      core.account(p, i, dir);
      core.kill(i);
      return Tracked.Accept;
    }
    // A repeated SYN does not lengthen the life of an entry that nobody answers.
    if (packet === TcpPacket.Syn && oldState === TcpState.SynSent) return Tracked.Accept;
    const unack = core.sysctl.timeouts[Timeout.TcpUnack]!;
    if (newState === TcpState.Established && ms > unack) ms = unack;
  } else if (
    (status & Ips.Assured) === 0 &&
    newState === TcpState.Established &&
    (oldState === TcpState.SynRecv || oldState === TcpState.Established)
  ) {
    words[b + STATUS] = status | Ips.Assured;
    if (core.events !== null) core.events.note(i, Event.Assured);
  }
  core.refresh(i, ms);
  core.account(p, i, dir);
  return Tracked.Accept;
}

function timeoutOf(core: Core, b: number, packet: number, state: number): number {
  const words = core.table.words;
  const t = core.sysctl.timeouts;
  const ms = t[state]!;
  const last = words[b + TCP_LAST]!;
  if (((last >>> 16) & 0xff) >= core.sysctl.tcpMaxRetrans && ms > t[Timeout.TcpRetrans]!) return t[Timeout.TcpRetrans]!;
  if (packet === TcpPacket.Rst) return t[TcpState.Close]!;
  if ((words[b + TCP_FLAGS]! & BOTH_UNACKNOWLEDGED) !== 0 && ms > t[Timeout.TcpUnack]!) return t[Timeout.TcpUnack]!;
  if ((last & 0xffff) === 0 && ms > t[Timeout.TcpRetrans]!) return t[Timeout.TcpRetrans]!;
  return ms;
}

/** The segment passes; what it said is kept, in case the other end turns out to agree with it. */
function ignore(core: Core, i: number, dir: number, packet: number, state: number): number {
  const words = core.table.words;
  const b = i * ENTRY;
  let last = (words[b + TCP_LAST]! & 0xf0ff_0000) | (packet << 24) | (dir << 27) | s.window;
  words[b + LAST_SEQ] = s.seq;
  words[b + LAST_END] = s.end;
  if (packet === TcpPacket.Syn && dir === 0) {
    const options = synOptions(s.bytes, s.at);
    let flags = 0;
    let scale = 0;
    if (options >= 0) {
      flags = options & (TcpFlag.WindowScale | TcpFlag.SackPerm);
      scale = options >> 8;
    }
    if (state === TcpState.LastAck) flags |= TcpFlag.ExpChallengeAck;
    last = (last & 0x0fff_ffff) | (scale << 28);
    words[b + TCP_FLAGS] = (words[b + TCP_FLAGS]! & ~(0xff << LAST_FLAGS)) | (flags << LAST_FLAGS);
  }
  words[b + TCP_LAST] = last;
  if (state === TcpState.SynSent && packet === TcpPacket.Ack && dir === 1) words[b + LAST_ACK] = s.ack;
  core.count(Invalid.Ignored);
  return Tracked.Accept;
}

/** `Check`: the window decides. `Answers`: so it does unless `rstAnswers`. `Keep`: the same, and the state stays. */
const Rst = { Check: 0, Answers: 1, Keep: 2, NoWindow: 3, Invalid: 4 } as const;

/** Is the RST's number the one that its receiver expects (RFC 5961 section 3.2)? */
function checkRst(core: Core, i: number, dir: number, state: number): number {
  const words = core.table.words;
  const b = i * ENTRY;
  // The tuple may be in use again already: the numbers that were kept are out of date.
  if (isClosing(state)) return Rst.NoWindow;
  const peerFlags = (words[b + TCP_FLAGS]! >>> ((1 - dir) << 3)) & 0xff;
  const last = words[b + TCP_LAST]!;
  const lastIndex = (last >>> 24) & 7;
  if ((peerFlags & TcpFlag.MaxAckSet) === 0 || lastIndex === TcpPacket.Syn) return Rst.Answers;
  const established = state === TcpState.Established && (words[b + STATUS]! & Ips.Assured) !== 0;
  if (s.seq === 0 && !established) return Rst.Check;
  const expected = words[i * ENTRY + (1 - dir) * TCP_REPLY + MAXACK]!;
  if (((s.seq - expected) | 0) < 0 && core.sysctl.tcpIgnoreInvalidRst === 0) {
    core.count(Invalid.TcpRst);
    return Rst.Invalid;
  }
  if (!established || s.seq === expected) return Rst.Check;
  // Part of a train: data, then the RST behind it.
  if (lastIndex === TcpPacket.Ack && ((last >>> 27) & 1) === dir && s.seq === words[b + LAST_END]) return Rst.Check;
  return Rst.Keep;
}

/**
 * Does the RST answer a SYN of the other side, or an ACK, that was let through unchecked? Then its window is not checked either.
 * That the SYN must be the other side's came with Linux 7.1 and its stable lines (6.18.44 has it).
 */
function rstAnswers(core: Core, i: number, dir: number, state: number): boolean {
  const words = core.table.words;
  const b = i * ENTRY;
  const status = words[b + STATUS]!;
  const last = words[b + TCP_LAST]!;
  const lastIndex = (last >>> 24) & 7;
  const lastDir = (last >>> 27) & 1;
  if (
    (((status & Ips.SeenReply) !== 0 && lastIndex === TcpPacket.Syn && lastDir !== dir) ||
      ((status & Ips.Assured) === 0 && lastIndex === TcpPacket.Ack)) &&
    s.ack === words[b + LAST_END]
  ) {
    return true;
  }
  return state === TcpState.SynSent && lastIndex === TcpPacket.Ack && lastDir === 1 && s.seq === words[b + LAST_ACK];
}

/** `nf_tcp_handle_invalid`: FIN or RST out of the window from both sides: the connection is dead, do not keep the entry for days. */
function shortenIfClosing(core: Core, i: number, dir: number, packet: number): void {
  const words = core.table.words;
  const b = i * ENTRY;
  const status = words[b + STATUS]!;
  if ((status & Ips.Assured) === 0 || (status & Ips.FixedTimeout) !== 0) return;
  if (packet !== TcpPacket.Rst && packet !== TcpPacket.Fin) return;
  const last = words[b + TCP_LAST]!;
  const lastIndex = (last >>> 24) & 7;
  if (((last >>> 27) & 1) !== dir && (lastIndex === TcpPacket.Fin || lastIndex === TcpPacket.Rst)) {
    const left = core.expiresMs(i);
    const unack = core.sysctl.timeouts[Timeout.TcpUnack]!;
    if (left >= HALF_CLOSED_MS && left > unack) core.refresh(i, unack);
  } else {
    words[b + TCP_LAST] = (last & 0xf0ff_ffff) | (packet << 24) | (dir << 27);
  }
}

/** `nf_conntrack_tcp_set_closing`: REJECT with a reset has ended the connection; the entry lives on as CLOSE. */
export function setClosing(core: Core, i: number): void {
  const words = core.table.words;
  const b = i * ENTRY;
  const status = words[b + STATUS]!;
  if ((status & Ips.Confirmed) === 0) return;
  const old = (status >>> STATE_SHIFT) & 15;
  words[b + STATUS] = (status & ~STATE_MASK) | (TcpState.Close << STATE_SHIFT);
  if (old === TcpState.Close || (status & Ips.FixedTimeout) !== 0) return;
  core.refresh(i, core.sysctl.timeouts[TcpState.Close]!);
  if (core.events !== null) core.events.note(i, Event.ProtoInfo);
}

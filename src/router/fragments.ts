/**
 * Reassembly of IPv4 fragments, first of all stages at PREROUTING and OUTPUT where conntrack is in use (`nf_defrag_ipv4.c`,
 * `net/ipv4/ip_fragment.c`, `inet_fragment.c`; RFC 791 section 3.2). Rules and conntrack see whole datagrams only.
 *
 * A datagram whose fragments overlap is given up as a whole (RFC 5722's rule, which Linux keeps for IPv4 too); an exact duplicate is
 * dropped alone. Cutting to size on the way out is in `fragment-out.ts`.
 */
import type { Clock } from '../base/clock.ts';
import { DropReason } from '../base/drop-reason.ts';
import type { Random } from '../base/random.ts';
import type { Arena } from '../packet/arena.ts';
import type { Packet } from '../packet/packet.ts';
import { Verdict } from '../packet/verdict.ts';
import { copy } from '../wire/bytes.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { FragmentQueues } from './fragment-queues.ts';
import { HEAD_ROOM } from './fragment-store.ts';

/** Who reassembles (`enum ip_defrag_users`): the same fragments seen at two places are two datagrams. */
export const DefragUser = { LocalDeliver: 0, ConntrackIn: 2, ConntrackOut: 3, ConntrackBridgeIn: 4 } as const;

const FIRST_IN = 1;
const LAST_IN = 2;
const PEERS = 1024;
const MAX_DATAGRAM = 65_535;
/** Codepoints seen are kept as bits `1 << codepoint`. */
const NOT_ECT = 1 << 0;
const CE = 3;

export interface ReassemblyOptions {
  clock: Clock;
  random: Random;
  /** Whole datagrams are put here. */
  arena: Arena;
  /** `net.ipv4.ipfrag_high_thresh`, bytes: no new datagram is begun above it. */
  highThresh?: number;
}

export class Reassembly {
  /** `net.ipv4.ipfrag_time` and `ipfrag_max_dist`; 0 switches the distance off. */
  timeMs = 30_000;
  maxDist = 64;
  highThresh: number;
  /** SNMP IP group: ReasmReqds, ReasmOKs, ReasmFails, ReasmTimeout, ReasmOverlaps. */
  readonly counters = { reqds: 0, oks: 0, fails: 0, timeout: 0, overlaps: 0 };

  /** Payload bytes of the fragments of the datagram in arena slot `whole`, the last one that was completed, in order of their place. */
  readonly pieces = new Uint16Array(MAX_DATAGRAM >> 3);
  pieceCount = 0;
  whole = -1;

  readonly #clock: Clock;
  readonly #arena: Arena;
  readonly #queues: FragmentQueues;
  /** How many fragments each source has sent, by a hash of the source. */
  readonly #peers = new Int32Array(PEERS);

  constructor(options: ReassemblyOptions) {
    this.#clock = options.clock;
    this.#arena = options.arena;
    this.highThresh = options.highThresh ?? 4 << 20;
    this.#queues = new FragmentQueues(this.highThresh, options.random);
  }

  /** Bytes of memory that waiting fragments take. */
  get used(): number {
    return this.#queues.store.used;
  }

  /**
   * One packet, whole or not. A whole one passes untouched. The fragment that completes a datagram becomes that datagram: `p` then
   * stands in a slot of the arena (`p.slot`), with `fragMaxSize` and `fragDf` set, and goes on.
   *
   * @returns Accept for a whole packet; Stolen while fragments are missing; Drop with the reason.
   */
  receive(p: Packet, user: number): Verdict {
    if (!ipv4.isFragment(p.bytes, p.l3)) return Verdict.Accept;
    this.counters.reqds++;
    const q = this.#find(p, user);
    if (q < 0) return this.#refuse(p, DropReason.NoMemory);
    const reason = this.#queue(q, p);
    if (reason !== DropReason.None) return this.#refuse(p, reason);
    if (this.#queues.flags[q] !== (FIRST_IN | LAST_IN) || this.#queues.meat[q] !== this.#queues.len[q]) return Verdict.Stolen;
    return this.#complete(q, p);
  }

  /**
   * Gives up datagrams that waited too long.
   *
   * @param expired called with the head of each whose first fragment is here: the frame from its link header on, as far as it has come in
   * one piece, where its IPv4 header stands, and the interface id it came in on. An end host answers with "fragment
   * reassembly time exceeded" (RFC 792); a router does not.
   */
  sweep(expired?: (frame: Uint8Array, l3: number, iif: number) => void): void {
    if (this.#queues.oldest < 0) return;
    const now = this.#clock.nowMs();
    while (this.#queues.oldest >= 0 && this.#queues.expires[this.#queues.oldest]! <= now) {
      const q = this.#queues.oldest;
      this.counters.timeout++;
      this.counters.fails++;
      if (expired !== undefined && (this.#queues.flags[q]! & FIRST_IN) !== 0) this.#report(q, expired);
      this.#queues.close(q);
    }
  }

  #refuse(p: Packet, reason: DropReason): Verdict {
    if (reason !== DropReason.DupFrag) this.counters.fails++;
    p.reason = reason;
    return Verdict.Drop;
  }

  /** The datagram that the fragment is part of; -1 when a new one would not fit. */
  #find(p: Packet, user: number): number {
    const src = ipv4.src(p.bytes, p.l3);
    const dst = ipv4.dst(p.bytes, p.l3);
    const id = (ipv4.identification(p.bytes, p.l3) << 16) | (ipv4.protocol(p.bytes, p.l3) << 8) | user;
    const queues = this.#queues;
    const now = this.#clock.nowMs();
    let q = queues.find(src, dst, id, p.zone);
    if (q >= 0) {
      if (queues.expires[q]! > now) return q;
      this.counters.timeout++;
      this.counters.fails++;
      queues.close(q);
    }
    if (queues.store.used > this.highThresh) return -1;
    q = queues.open(src, dst, id, p.zone, now + this.timeMs);
    if (q >= 0) queues.rid[q] = this.#peers[this.#peer(src)]!;
    return q;
  }

  #peer(src: number): number {
    return this.#queues.hash(src, 0, 0) & (PEERS - 1);
  }

  /** `ip_frag_queue`: puts the fragment in. Other than None: it was not taken, and where that is the rule the datagram is gone. */
  #queue(q: number, p: Packet): DropReason {
    const b = p.bytes;
    // Too many other fragments of this source came since: the id has gone round, and these are of another datagram.
    const peer = this.#peer(ipv4.src(b, p.l3));
    const rid = (this.#peers[peer]! + 1) | 0;
    this.#peers[peer] = rid;
    const distance = (rid - this.#queues.rid[q]!) | 0;
    this.#queues.rid[q] = rid;
    if (this.maxDist !== 0 && this.#queues.firstRun[q]! >= 0 && distance > this.maxDist) {
      this.counters.fails++;
      this.#queues.restart(q, this.#clock.nowMs() + this.timeMs);
    }

    const word = ipv4.fragmentWord(b, p.l3);
    const offset = ipv4.fragmentOffset(b, p.l3);
    let end = offset + (p.end - p.l4);
    if ((word & ipv4.MF) === 0) {
      // The last one: nothing may lie behind it, and there is only one end.
      if (end < this.#queues.len[q]! || ((this.#queues.flags[q]! & LAST_IN) !== 0 && end !== this.#queues.len[q])) return this.#giveUp(q);
      this.#queues.flags[q]! |= LAST_IN;
      this.#queues.len[q] = end;
    } else {
      end &= ~7;
      if (end > this.#queues.len[q]!) {
        if ((this.#queues.flags[q]! & LAST_IN) !== 0) return this.#giveUp(q);
        this.#queues.len[q] = end;
      }
    }
    if (end === offset) return this.#giveUp(q);

    const f = this.#queues.store.keep(b, p.l4, offset, end - offset);
    if (f < 0) return this.#giveUp(q, DropReason.NoMemory);
    const place = this.#insert(q, f, offset, end);
    if (place !== DropReason.None) {
      this.#queues.store.drop(f);
      if (place === DropReason.DupFrag) return place;
      this.counters.overlaps++;
      return this.#giveUp(q);
    }
    this.#queues.meat[q]! += end - offset;
    this.#queues.ecn[q]! |= 1 << (ipv4.tos(b, p.l3) & 3);
    if (offset === 0) this.#keepHead(q, p);
    const size = p.l4 - p.l3 + (end - offset);
    if (size > this.#queues.maxSize[q]!) this.#queues.maxSize[q] = size;
    if ((word & ipv4.DF) !== 0 && size > this.#queues.maxDfSize[q]!) this.#queues.maxDfSize[q] = size;
    return DropReason.None;
  }

  /** `inet_frag_queue_insert`: the runs are in order of their place; a fragment goes behind the last, or between two. */
  #insert(q: number, f: number, offset: number, end: number): DropReason {
    const s = this.#queues.store;
    const last = this.#queues.lastRun[q]!;
    s.runEnd[f] = end;
    s.runTail[f] = f;
    s.nextRun[f] = -1;
    if (last < 0) {
      this.#queues.firstRun[q] = f;
      this.#queues.lastRun[q] = f;
      return DropReason.None;
    }
    if (s.runEnd[last]! < end) {
      if (offset < s.runEnd[last]!) return DropReason.FragInvalid;
      if (offset === s.runEnd[last]) {
        s.next[s.runTail[last]!] = f;
        s.runTail[last] = f;
        s.runEnd[last] = end;
      } else {
        s.nextRun[last] = f;
        this.#queues.lastRun[q] = f;
      }
      return DropReason.None;
    }
    let before = -1;
    for (let run = this.#queues.firstRun[q]!; run >= 0; run = s.nextRun[run]!) {
      if (end <= s.offset[run]!) {
        s.nextRun[f] = run;
        if (before < 0) this.#queues.firstRun[q] = f;
        else s.nextRun[before] = f;
        return DropReason.None;
      }
      if (offset < s.runEnd[run]!) {
        return offset >= s.offset[run]! && end <= s.runEnd[run]! ? DropReason.DupFrag : DropReason.FragInvalid;
      }
      before = run;
    }
    return DropReason.FragInvalid;
  }

  /** The datagram gets the header of its first fragment. */
  #keepHead(q: number, p: Packet): void {
    this.#queues.flags[q]! |= FIRST_IN;
    this.#queues.iif[q] = p.iif;
    const link = Math.min(p.l3 - p.start, HEAD_ROOM - ipv4.MAX_HEADER_LEN);
    this.#queues.linkLength[q] = link;
    this.#queues.headLength[q] = p.l4 - p.l3;
    copy(p.bytes, p.l3 - link, this.#queues.store.heads, q * HEAD_ROOM, link + (p.l4 - p.l3));
  }

  /** `ip_frag_reasm`. */
  #complete(q: number, p: Packet): Verdict {
    const s = this.#queues.store;
    const header = this.#queues.headLength[q]!;
    const link = this.#queues.linkLength[q]!;
    const total = header + this.#queues.len[q]!;
    const ecn = this.#queues.ecn[q]!;
    // Not-ECT beside any other codepoint: no sender makes such a datagram (RFC 3168 section 5.3, `ip_frag_ecn_table`).
    if (total > MAX_DATAGRAM || ((ecn & NOT_ECT) !== 0 && ecn !== NOT_ECT)) {
      this.#queues.close(q);
      return this.#refuse(p, total > MAX_DATAGRAM ? DropReason.PktTooBig : DropReason.FragInvalid);
    }
    const whole = this.#arena.take(link + total);
    if (whole === null) {
      this.#queues.close(q);
      return this.#refuse(p, DropReason.NoMemory);
    }
    const b = whole.bytes;
    const l3 = whole.start + link;
    copy(s.heads, q * HEAD_ROOM, b, whole.start, link + header);
    this.whole = whole.slot;
    this.pieceCount = 0;
    for (let run = this.#queues.firstRun[q]!; run >= 0; run = s.nextRun[run]!) {
      for (let f = run; f >= 0; f = s.next[f]!) {
        s.copyOut(f, b, l3 + header + s.offset[f]!);
        this.pieces[this.pieceCount++] = s.length[f]!;
      }
    }
    if ((ecn & (1 << CE)) !== 0) ipv4.setTos(b, l3, ipv4.tos(b, l3) | CE);
    // DF stays only where the largest fragment had it: then nothing larger may leave either.
    const df = this.#queues.maxDfSize[q] === this.#queues.maxSize[q];
    ipv4.setFragmentWord(b, l3, df ? ipv4.DF : 0);
    ipv4.setTotalLength(b, l3, total);
    ipv4.rewriteChecksum(b, l3);
    p.bytes = b;
    p.base = whole.base;
    p.floor = whole.floor;
    p.start = whole.start;
    p.l3 = l3;
    p.l4 = l3 + header;
    p.end = whole.end;
    p.ceiling = whole.ceiling;
    p.slot = whole.slot;
    p.csumStart = 0;
    p.csumOffset = 0;
    p.csumValid = false;
    p.gsoType = 0;
    p.gsoSize = 0;
    p.hdrLen = 0;
    p.fragMaxSize = Math.max(this.#queues.maxDfSize[q]!, this.#queues.maxSize[q]!);
    p.fragDf = df;
    this.counters.oks++;
    this.#queues.close(q);
    return Verdict.Accept;
  }

  #report(q: number, expired: (frame: Uint8Array, l3: number, iif: number) => void): void {
    const link = this.#queues.linkLength[q]!;
    const header = this.#queues.headLength[q]!;
    const first = this.#queues.firstRun[q]!;
    const frame = new Uint8Array(link + header + this.#queues.store.length[first]!);
    copy(this.#queues.store.heads, q * HEAD_ROOM, frame, 0, link + header);
    this.#queues.store.copyOut(first, frame, link + header);
    expired(frame, link, this.#queues.iif[q]!);
  }

  #giveUp(q: number, reason: DropReason = DropReason.FragInvalid): DropReason {
    this.#queues.close(q);
    return reason;
  }
}

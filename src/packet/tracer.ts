/**
 * What the router tells about a packet on its way, in numbers: names of hops, chains and rules stay on the cold side, which turns
 * them into words. A router without a tracer asks only `tracer !== null`.
 */
import { copyLong } from '../wire/bytes.ts';
import type { Packet } from './packet.ts';
import {
  CONTROL_LEN,
  Control,
  Field,
  ORIGIN,
  RECORD_LEN,
  RecordKind,
  RuleEvent,
  TIME,
  type TraceRing,
  viewTraceRing,
} from './trace-ring.ts';

/** Towards the router, or away from it. At a hook there is no direction. */
export const TraceDirection = { None: 0, In: 1, Out: 2 } as const;
/** What a rewrite changed (`enum nf_nat_manip_type`). */
export const Manip = { Source: 0, Destination: 1 } as const;
/** Hop ids: an interface's own number, and for the hooks this number and that of `Hook`. */
export const HOOK_HOP = 1000;

/** What the path tells. */
export interface RouterTracer {
  /** Will anything be told of this packet? Where not, the router may take a way that tells nothing. */
  tells(p: Packet): boolean;
  /**
   * A packet came in on `p.iif`, the frame as it stands from `p.start`: gives it the id that it keeps while it is in the node. One that
   * has an id keeps it (what came out of a tunnel is the same packet).
   */
  arrive(p: Packet): void;
  /** It leaves by `p.oif`, the frame as it stands from `p.start`: Ethernet header written, not yet encapsulated. */
  depart(p: Packet): void;
  /** It has passed the rules of a hook (`Hook`): from `p.l3`. */
  passed(p: Packet, hook: number): void;
  /** It ends here; `p.reason` says why. */
  drop(p: Packet): void;
}

/** What the rules tell: numbers of rules are those of their counters in the compiled program. */
export interface RuleTracer {
  /** All tests of a rule have passed; its target comes next. */
  rule(p: Packet, hook: number, counter: number): void;
  /** The end of a chain that was called. */
  end(p: Packet, hook: number, counter: number): void;
  /** The packet came to the policy of a built-in chain. */
  policy(p: Packet, hook: number, counter: number, verdict: number): void;
}

/** What conntrack and NAT tell. */
export interface ConntrackTracer {
  /** Address and port (ICMP: id) were rewritten. */
  nat(p: Packet, manip: number, fromAddress: number, fromPort: number, toAddress: number, toPort: number): void;
  /** conntrack has looked: `ct`, `ctinfo` and `mark` of the packet stand. */
  conntrack(p: Packet): void;
}

export interface Tracer extends RouterTracer, RuleTracer, ConntrackTracer {}

/** LINKTYPE_ETHERNET and LINKTYPE_RAW. */
const ETHERNET = 1;
const RAW = 101;

/** Gives packets their numbers: one for all tracers of a node. */
export class PacketNumbers {
  #last = 0;

  give(p: Packet): void {
    this.#last = this.#last === 0x7fff_ffff ? 1 : this.#last + 1;
    p.id = this.#last;
  }
}

export interface RingTracerOptions {
  /** Bytes of a frame that are kept at most. */
  snapLength?: number;
  /** Hop ids that are told, and nothing else; all, with what rules and conntrack did, without it. */
  hops?: readonly number[];
  numbers?: PacketNumbers;
}

/** A packet is told when there is so much room: then, almost always, all of it is. Of a small ring a quarter. */
const ROOM_FOR_A_PACKET = 16_384;

/**
 * Writes into a ring for the capture thread. Nothing is allocated per record. Time is real time: `performance.timeOrigin` and the
 * monotonic clock, so that records sort among the kernel's timestamps. The clock is read at hops: what is told in between stands a
 * nanosecond after what was told before it, since reading the clock costs as much as all else of a record. A packet for which there is no
 * room when it comes is not told at all: a router that is faster than its reader spends a few instructions on it, and the packets that are
 * told are told whole.
 */
export class RingTracer implements Tracer {
  readonly #ring: TraceRing;
  readonly #snapLength: number;
  readonly #numbers: PacketNumbers;
  readonly #room: number;
  /** By hop id: is it told? null for everything. */
  readonly #hops: Uint8Array | null;
  #written: number;
  /** What the reader had read when it was last looked for. */
  #read: number;
  #current = 0;
  #tells = false;
  /** Of the last record, ns after the origin. */
  #timeNs = 0;
  /** It was read for the packet's first record, which has not been written yet. */
  #isFresh = false;

  constructor(shared: SharedArrayBuffer, options: RingTracerOptions = {}) {
    this.#ring = viewTraceRing(shared);
    // A record must fit: half the ring, so that it does so wherever the end is.
    this.#snapLength = Math.min(options.snapLength ?? 65_535, this.#ring.size / 2 - RECORD_LEN - 8);
    this.#numbers = options.numbers ?? new PacketNumbers();
    this.#room = Math.min(ROOM_FOR_A_PACKET, this.#ring.size >> 2);
    this.#hops =
      options.hops === undefined ? null : Uint8Array.from({ length: HOOK_HOP + 8 }, (_, id) => (options.hops!.includes(id) ? 1 : 0));
    this.#written = this.#ring.control[Control.Written]!;
    this.#read = this.#ring.control[Control.Read]!;
    this.#ring.origin[ORIGIN] = BigInt(Math.round(performance.timeOrigin * 1e6));
  }

  /** Decided when a packet is met first: packets run through the router one after the other. */
  tells(p: Packet): boolean {
    if (p.id === 0) this.#numbers.give(p);
    if (p.id === this.#current) return this.#tells;
    this.#current = p.id;
    this.#tells = this.#free() >= this.#room;
    if (!this.#tells) this.#lose();
    else {
      this.#readClock();
      this.#isFresh = true;
    }
    return this.#tells;
  }

  #readClock(): void {
    const nowNs = performance.now() * 1e6;
    this.#timeNs = nowNs > this.#timeNs ? nowNs : this.#timeNs + 1;
  }

  #lose(): void {
    this.#tells = false;
    Atomics.add(this.#ring.control, Control.Lost, 1);
  }

  /** The reader's position is fetched from its processor only when what is known of it does not do. */
  #free(): number {
    const { control, size } = this.#ring;
    const free = size - ((this.#written - this.#read) >>> 0);
    if (free >= this.#room) return free;
    this.#read = Atomics.load(control, Control.Read);
    return size - ((this.#written - this.#read) >>> 0);
  }

  arrive(p: Packet): void {
    if (this.tells(p)) this.#frame(p, RecordKind.Hop, p.iif, TraceDirection.In, p.start);
  }
  depart(p: Packet): void {
    if (this.tells(p)) this.#frame(p, RecordKind.Hop, p.oif, TraceDirection.Out, p.start);
  }
  passed(p: Packet, hook: number): void {
    if (this.tells(p)) this.#frame(p, RecordKind.Hop, HOOK_HOP + hook, TraceDirection.None, p.l3);
  }
  drop(p: Packet): void {
    if (this.tells(p)) this.#frame(p, RecordKind.Drop, p.iif, TraceDirection.None, p.start);
  }

  rule(p: Packet, hook: number, counter: number): void {
    this.#rule(p, RuleEvent.Matched, hook, counter, 0);
  }
  end(p: Packet, hook: number, counter: number): void {
    this.#rule(p, RuleEvent.End, hook, counter, 0);
  }
  policy(p: Packet, hook: number, counter: number, verdict: number): void {
    this.#rule(p, RuleEvent.Policy, hook, counter, verdict);
  }

  #rule(p: Packet, event: number, hook: number, counter: number, verdict: number): void {
    if (this.#hops !== null || !this.tells(p)) return;
    const at = this.#reserve(RECORD_LEN, RecordKind.Rule, p.id);
    if (at < 0) return;
    const w = this.#ring.words;
    w[at + Field.Event] = event;
    w[at + Field.Hook] = hook;
    w[at + Field.Counter] = counter;
    w[at + Field.Verdict] = verdict;
    this.#publish();
  }

  nat(p: Packet, manip: number, fromAddress: number, fromPort: number, toAddress: number, toPort: number): void {
    if (this.#hops !== null || !this.tells(p)) return;
    const at = this.#reserve(RECORD_LEN, RecordKind.Nat, p.id);
    if (at < 0) return;
    const w = this.#ring.words;
    w[at + Field.Manip] = manip;
    w[at + Field.FromAddress] = fromAddress;
    w[at + Field.FromPort] = fromPort;
    w[at + Field.ToAddress] = toAddress;
    w[at + Field.ToPort] = toPort;
    this.#publish();
  }

  conntrack(p: Packet): void {
    if (this.#hops !== null || !this.tells(p)) return;
    const at = this.#reserve(RECORD_LEN, RecordKind.Conntrack, p.id);
    if (at < 0) return;
    const w = this.#ring.words;
    w[at + Field.Ct] = p.ct;
    w[at + Field.CtInfo] = p.ctinfo;
    w[at + Field.Mark] = p.mark;
    this.#publish();
  }

  #frame(p: Packet, kind: number, hopId: number, direction: number, start: number): void {
    if (this.#hops !== null && this.#hops[hopId] !== 1) return;
    if (!this.#isFresh) this.#readClock();
    const length = p.end - start;
    const captured = Math.min(length, this.#snapLength);
    const at = this.#reserve(RECORD_LEN + captured, kind, p.id);
    if (at < 0) return;
    const w = this.#ring.words;
    w[at + Field.HopId] = hopId;
    w[at + Field.Direction] = direction;
    w[at + Field.Ct] = p.ct;
    w[at + Field.CtInfo] = p.ctinfo;
    w[at + Field.Mark] = p.mark;
    w[at + Field.Reason] = p.reason;
    w[at + Field.Length] = length;
    w[at + Field.Captured] = captured;
    w[at + Field.LinkType] = start === p.l3 ? RAW : ETHERNET;
    const to = at * 4 + RECORD_LEN;
    copyLong(p.bytes, start, this.#ring.bytes, to, captured);
    this.#publish();
  }

  /** Room for a record. @returns its place as an index into `words`, -1 when there is no room: counted. */
  #reserve(length: number, kind: number, packet: number): number {
    const { control, size, words, times } = this.#ring;
    const need = (length + 7) & ~7;
    let free = size - ((this.#written - this.#read) >>> 0);
    if (free < need + need) {
      this.#read = Atomics.load(control, Control.Read);
      free = size - ((this.#written - this.#read) >>> 0);
    }
    let at = this.#written & (size - 1);
    const rest = size - at;
    const pad = need > rest ? rest : 0;
    if (need + pad > free) {
      this.#lose(); // the rest of this packet as well
      return -1;
    }
    if (pad > 0) {
      words[at >>> 2] = pad;
      words[(at >>> 2) + 1] = RecordKind.Pad;
      this.#written = (this.#written + pad) | 0;
      at = 0;
    }
    const word = at >>> 2;
    words[word + Field.Size] = need;
    words[word + Field.Kind] = kind;
    words[word + Field.Packet] = packet;
    if (!this.#isFresh) this.#timeNs += 1;
    this.#isFresh = false;
    times[(at >>> 3) + TIME] = this.#timeNs;
    this.#written = (this.#written + need) | 0;
    return word;
  }

  /** The reader sees a record when all of it stands. */
  #publish(): void {
    Atomics.store(this.#ring.control, Control.Written, this.#written);
  }
}

/** Packets of which nothing, or not all, is told: there was no room. */
export const lostRecords = (shared: SharedArrayBuffer): number => Atomics.load(new Int32Array(shared, 0, CONTROL_LEN / 4), Control.Lost);

/**
 * Neighbour table: the MAC of each next hop and how sure we are of it (RFC 826, and the states of RFC 4861 section 7.3.2 as Linux uses
 * them for ARP, `net/core/neighbour.c`). What is asked on the wire, and when, is the kernel's: three broadcast requests a second apart,
 * then FAILED; a known entry that is used after its time is asked again by unicast while traffic goes on.
 */
import type { Ipv4 } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Packet } from '../packet/packet.ts';
import { copy, same } from '../wire/bytes.ts';

/** NUD_* states. */
export const Nud = { Incomplete: 1, Reachable: 2, Stale: 4, Delay: 8, Probe: 16, Failed: 32, Permanent: 128 } as const;
const VALID = Nud.Reachable | Nud.Stale | Nud.Delay | Nud.Probe | Nud.Permanent;

/** Defaults of `net.ipv4.neigh.*`: times in milliseconds. */
export const neighbourDefaults = {
  baseReachableMs: 30_000,
  delayFirstProbeMs: 5_000,
  retransMs: 1_000,
  /** `locktime`: of several answers that come back to back the first is believed. */
  lockMs: 1_000,
  unicastSolicit: 3,
  multicastSolicit: 3,
  /** `unres_qlen_bytes`, with about what a small sk_buff costs. */
  queueBytes: 212_992,
  packetOverhead: 576,
  /** `gc_thresh3`. */
  entries: 1024,
} as const;

/** What the table needs done: asking on the wire, sending what waited, and giving it up. */
export interface NeighbourActions {
  solicit(oif: number, address: Ipv4, entry: number, broadcast: boolean, waiting: Packet | undefined): void;
  resolved(p: Packet, entry: number): void;
  unreachable(p: Packet): void;
}

export class Neighbours {
  readonly #clock: Clock;
  readonly #actions: NeighbourActions;
  readonly #address = new Int32Array(neighbourDefaults.entries);
  readonly #oif = new Int32Array(neighbourDefaults.entries);
  readonly #state = new Uint8Array(neighbourDefaults.entries);
  readonly #dueMs = new Float64Array(neighbourDefaults.entries);
  readonly #confirmedMs = new Float64Array(neighbourDefaults.entries);
  readonly #usedMs = new Float64Array(neighbourDefaults.entries);
  /** When state or address changed last. */
  readonly #updatedMs = new Float64Array(neighbourDefaults.entries);
  readonly #probes = new Uint8Array(neighbourDefaults.entries);
  readonly #queues: Packet[][] = [];
  readonly #queued = new Int32Array(neighbourDefaults.entries);
  readonly #slots = new Int32Array(neighbourDefaults.entries * 4).fill(-1);
  readonly #reachableMs: number;
  /** Six bytes per entry. */
  readonly macs = new Uint8Array(neighbourDefaults.entries * 6);
  #count = 0;
  readonly #free: number[] = [];

  constructor(clock: Clock, random: Random, actions: NeighbourActions) {
    this.#clock = clock;
    this.#actions = actions;
    // neigh_rand_reach_time: uniform between a half and one and a half.
    this.#reachableMs = neighbourDefaults.baseReachableMs * (0.5 + random.u32() / 0x1_0000_0000);
  }

  state(entry: number): number {
    return this.#state[entry]!;
  }
  isValid(entry: number): boolean {
    return (this.#state[entry]! & VALID) !== 0;
  }

  /** @returns entry, or -1 when `address` is not known on `oif`. */
  find(oif: number, address: Ipv4): number {
    const last = this.#slots.length - 1;
    for (let at = hash(oif, address) & last; this.#slots[at] !== -1; at = (at + 1) & last) {
      const entry = this.#slots[at]!;
      if (this.#address[entry] === address && this.#oif[entry] === oif) return entry;
    }
    return -1;
  }

  /**
   * The entry to send with, starting a resolution when it must. A valid entry is marked as used, which is what turns STALE into DELAY
   * and later into a probe.
   *
   * @returns entry, or -1 when the table is full.
   */
  use(oif: number, address: Ipv4): number {
    let entry = this.find(oif, address);
    if (entry === -1) entry = this.#make(oif, address);
    if (entry === -1) return -1;
    if (this.#state[entry] === Nud.Stale) {
      this.#state[entry] = Nud.Delay;
      this.#dueMs[entry] = this.#clock.nowMs() + neighbourDefaults.delayFirstProbeMs;
    }
    this.#usedMs[entry] = this.#clock.nowMs();
    return entry;
  }

  /**
   * Keep `p` (in an arena slot) until the entry is resolved, and ask when nobody has asked yet.
   *
   * @returns the packet that had to make room (the oldest), or null.
   */
  wait(entry: number, p: Packet): Packet | null {
    const queue = this.#queues[entry]!;
    queue.push(p);
    this.#queued[entry]! += cost(p);
    if (this.#state[entry] !== Nud.Incomplete) {
      this.#state[entry] = Nud.Incomplete;
      this.#probes[entry] = 0;
      this.#ask(entry, true);
    }
    if (this.#queued[entry]! <= neighbourDefaults.queueBytes) return null;
    const oldest = queue.shift()!;
    this.#queued[entry]! -= cost(oldest);
    return oldest;
  }

  /** A permanent entry, from the description or from a controller. It is never asked and never forgotten. */
  setPermanent(oif: number, address: Ipv4, mac: Uint8Array): void {
    const known = this.find(oif, address);
    const entry = known === -1 ? this.#make(oif, address) : known;
    if (entry === -1) return;
    copy(mac, 0, this.macs, entry * 6, 6);
    this.#state[entry] = Nud.Permanent;
    this.#flush(entry);
  }

  /**
   * Somebody told an address (`neigh_update` from `arp_process`).
   *
   * @param solicited a unicast reply to us: the entry becomes REACHABLE; a request only makes it STALE
   * @param create make the entry when it is not known: a request to us does, a reply does not
   * @param override another address is taken although one was told a moment ago: a request to us, and one who says it of himself
   */
  learn(oif: number, address: Ipv4, b: Uint8Array, macAt: number, solicited: boolean, create: boolean, override: boolean): void {
    let entry = this.find(oif, address);
    if (entry === -1) {
      if (!create) return;
      entry = this.#make(oif, address);
      if (entry === -1) return;
    }
    const state = this.#state[entry]!;
    if (state === Nud.Permanent) return;
    const valid = (state & VALID) !== 0;
    const other = !same(this.macs, entry * 6, b, macAt, 6);
    const now = this.#clock.nowMs();
    if (valid && other && !override && now <= this.#updatedMs[entry]! + neighbourDefaults.lockMs) return;
    // A request that tells the address that is already known leaves a live state alone.
    if (!solicited && valid && !other) return;
    if (other) copy(b, macAt, this.macs, entry * 6, 6);
    const next = solicited ? Nud.Reachable : Nud.Stale;
    if (other || state !== next) this.#updatedMs[entry] = now;
    this.#state[entry] = next;
    if (solicited) this.#confirmedMs[entry] = now;
    this.#dueMs[entry] = solicited ? now + this.#reachableMs : Number.POSITIVE_INFINITY;
    this.#probes[entry] = 0;
    this.#flush(entry);
  }

  /** Removes an entry, and with it what waits. */
  forget(oif: number, address: Ipv4): void {
    const entry = this.find(oif, address);
    if (entry === -1) return;
    this.#fail(entry);
    this.#remove(entry);
  }

  /** Everything that is due. @returns milliseconds on the clock when it wants to be called again, Infinity when nothing waits. */
  tick(): number {
    const now = this.#clock.nowMs();
    let next = Number.POSITIVE_INFINITY;
    for (let entry = 0; entry < this.#count; entry++) {
      if (this.#dueMs[entry]! <= now) this.#due(entry, now);
      if (this.#dueMs[entry]! < next) next = this.#dueMs[entry]!;
    }
    return next;
  }

  /** Packets that wait for an answer. */
  get waiting(): number {
    let packets = 0;
    for (const queue of this.#queues) packets += queue.length;
    return packets;
  }

  /** For eyes: `ip neigh` in data. */
  *entries(): Generator<{ oif: number; address: Ipv4; state: number; mac: Uint8Array }> {
    for (let i = 0; i < this.#count; i++) {
      if (this.#state[i] === 0) continue;
      yield { oif: this.#oif[i]!, address: this.#address[i]!, state: this.#state[i]!, mac: this.macs.slice(i * 6, i * 6 + 6) };
    }
  }

  #due(entry: number, now: number): void {
    const state = this.#state[entry]!;
    if (state === Nud.Reachable) {
      // neigh_timer_handler: in use lately, so check it soon; otherwise let it go stale.
      const usedLately = now <= this.#usedMs[entry]! + neighbourDefaults.delayFirstProbeMs;
      this.#state[entry] = usedLately ? Nud.Delay : Nud.Stale;
      this.#updatedMs[entry] = now;
      this.#dueMs[entry] = usedLately ? now + neighbourDefaults.delayFirstProbeMs : Number.POSITIVE_INFINITY;
    } else if (state === Nud.Delay) {
      this.#state[entry] = Nud.Probe;
      this.#updatedMs[entry] = now;
      this.#probes[entry] = 0;
      this.#ask(entry, false);
    } else if (state === Nud.Probe) {
      if (this.#probes[entry]! >= neighbourDefaults.unicastSolicit) this.#fail(entry);
      else this.#ask(entry, false);
    } else if (state === Nud.Incomplete) {
      if (this.#probes[entry]! >= neighbourDefaults.multicastSolicit) this.#fail(entry);
      else this.#ask(entry, true);
    } else {
      this.#dueMs[entry] = Number.POSITIVE_INFINITY;
    }
  }

  #ask(entry: number, broadcast: boolean): void {
    this.#probes[entry]! += 1;
    this.#dueMs[entry] = this.#clock.nowMs() + neighbourDefaults.retransMs;
    this.#actions.solicit(this.#oif[entry]!, this.#address[entry]!, entry, broadcast, this.#queues[entry]![0]);
  }

  #fail(entry: number): void {
    this.#state[entry] = Nud.Failed;
    this.#dueMs[entry] = Number.POSITIVE_INFINITY;
    const waiting = this.#queues[entry]!;
    this.#queues[entry] = [];
    this.#queued[entry] = 0;
    for (const p of waiting) this.#actions.unreachable(p);
  }

  #flush(entry: number): void {
    const waiting = this.#queues[entry]!;
    if (waiting.length === 0) return;
    this.#queues[entry] = [];
    this.#queued[entry] = 0;
    for (const p of waiting) this.#actions.resolved(p, entry);
  }

  #make(oif: number, address: Ipv4): number {
    let entry = this.#free.pop();
    if (entry === undefined) {
      if (this.#count === neighbourDefaults.entries && !this.#evict()) return -1;
      entry = this.#free.pop() ?? this.#count++;
    }
    this.#address[entry] = address;
    this.#oif[entry] = oif;
    // A fresh entry is not valid, not incomplete yet: the first packet that waits asks.
    this.#state[entry] = Nud.Failed;
    this.#updatedMs[entry] = Number.NEGATIVE_INFINITY;
    this.#dueMs[entry] = Number.POSITIVE_INFINITY;
    this.#usedMs[entry] = this.#clock.nowMs();
    this.#probes[entry] = 0;
    this.#queues[entry] = [];
    this.#queued[entry] = 0;
    this.#insertSlot(entry);
    return entry;
  }

  /** The table is full: the entry that was used longest ago and is not being asked makes room (`neigh_forced_gc`). */
  #evict(): boolean {
    let oldest = -1;
    for (let i = 0; i < this.#count; i++) {
      if ((this.#state[i]! & (Nud.Stale | Nud.Failed)) === 0) continue;
      if (oldest === -1 || this.#usedMs[i]! < this.#usedMs[oldest]!) oldest = i;
    }
    if (oldest === -1) return false;
    this.#remove(oldest);
    return true;
  }

  #remove(entry: number): void {
    this.#state[entry] = 0;
    this.#dueMs[entry] = Number.POSITIVE_INFINITY;
    this.#free.push(entry);
    this.#slots.fill(-1);
    for (let i = 0; i < this.#count; i++) if (this.#state[i] !== 0) this.#insertSlot(i);
  }

  #insertSlot(entry: number): void {
    const last = this.#slots.length - 1;
    let at = hash(this.#oif[entry]!, this.#address[entry]!) & last;
    while (this.#slots[at] !== -1) at = (at + 1) & last;
    this.#slots[at] = entry;
  }
}

const cost = (p: Packet): number => p.end - p.start + neighbourDefaults.packetOverhead;

function hash(oif: number, address: Ipv4): number {
  let h = Math.imul(address ^ (oif << 24), 0x9e3779b1);
  h ^= h >>> 15;
  return h;
}

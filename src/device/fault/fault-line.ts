/**
 * One direction of a link on which things go wrong (`netem_enqueue` and `netem_dequeue`, `net/sched/sch_netem.c`): frames are taken in,
 * kept for as long as they are under way, and given out in the order in which they arrive at the other end.
 */
import type { Random } from '../../base/random.ts';
import type { Memory } from '../../packet/memory.ts';
import type { Packet } from '../../packet/packet.ts';
import type { Faults } from './faults.ts';

const DEFAULT_LIMIT = 1000;
/** The largest frame: an MTU of 9000 with an Ethernet header and two VLAN tags. */
export const FRAME_MAX = 9022;

export interface FaultCounters {
  taken: number;
  given: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  overtook: number;
  /** No room left on the way, or too long for this link. */
  overLimit: number;
}

export class FaultLine {
  readonly counters: FaultCounters = { taken: 0, given: 0, lost: 0, duplicated: 0, corrupted: 0, overtook: 0, overLimit: 0 };
  readonly #faults: Faults;
  readonly #random: Random;
  readonly #memory: Memory;
  readonly #free: number[] = [];
  readonly #length: Int32Array;
  readonly #dueMs: Float64Array;
  /** Number of the frame in the order of arrival: equal times keep their order. */
  readonly #order: Float64Array;
  /** Slots under way, a heap by time. */
  readonly #heap: Int32Array;
  readonly #borrowed: number[] = [];
  #size = 0;
  #taken = 0;
  #lineFreeMs = 0;

  static bytesFor = ({ limit = DEFAULT_LIMIT }: Faults): number => limit * FRAME_MAX;

  /** @param memory at least `bytesFor(faults)` */
  constructor(faults: Faults, random: Random, memory: Memory) {
    const limit = faults.limit ?? DEFAULT_LIMIT;
    this.#faults = faults;
    this.#random = random;
    this.#memory = memory;
    this.#length = new Int32Array(limit);
    this.#dueMs = new Float64Array(limit);
    this.#order = new Float64Array(limit);
    this.#heap = new Int32Array(limit);
    for (let slot = limit - 1; slot >= 0; slot--) this.#free.push(slot);
  }

  /** Under way, or given out and not released. */
  get held(): number {
    return this.#size + this.#borrowed.length;
  }
  /** When the next frame is at the other end; Infinity when none is under way. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#dueMs[this.#heap[0]!]!;
  }

  /** A frame goes onto the link. Its bytes are copied. */
  offer(b: Uint8Array, start: number, end: number, nowMs: number): void {
    const { loss = 0, duplicate = 0 } = this.#faults;
    this.counters.taken++;
    const twice = this.#happens(duplicate);
    // A frame may be doubled and one of the two lost: both are drawn for, as netem does it.
    const lost = this.#happens(loss);
    if (lost) this.counters.lost++;
    const copies = (lost ? 0 : 1) + (twice ? 1 : 0);
    if (twice) this.counters.duplicated++;
    for (let i = 0; i < copies; i++) this.#put(b, start, end, nowMs);
  }

  /** The next frame that has arrived, into `p`. It is borrowed until `release`. @returns false when none has */
  take(p: Packet, nowMs: number): boolean {
    if (this.nextMs > nowMs) return false;
    const slot = this.#pop();
    const at = slot * FRAME_MAX;
    p.borrow(this.#memory, at, at, at + this.#length[slot]!, at + FRAME_MAX);
    this.#borrowed.push(slot);
    this.counters.given++;
    return true;
  }

  release(): void {
    for (let slot = this.#borrowed.pop(); slot !== undefined; slot = this.#borrowed.pop()) this.#free.push(slot);
  }

  #put(b: Uint8Array, start: number, end: number, nowMs: number): void {
    const slot = end - start > FRAME_MAX ? undefined : this.#free.pop();
    if (slot === undefined) {
      this.counters.overLimit++;
      return;
    }
    const at = slot * FRAME_MAX;
    const bytes = this.#memory.bytes;
    bytes.set(b.subarray(start, end), at);
    this.#length[slot] = end - start;
    if (this.#happens(this.#faults.corrupt ?? 0)) {
      this.counters.corrupted++;
      const place = at + this.#random.below(end - start);
      bytes[place] = bytes[place]! ^ (1 << this.#random.below(8));
    }
    this.#dueMs[slot] = this.#arrival(end - start, nowMs);
    this.#order[slot] = this.#taken++;
    this.#push(slot);
  }

  #arrival(length: number, nowMs: number): number {
    const { delayMs = 0, jitterMs = 0, reorder = 0, rate } = this.#faults;
    if (this.#happens(reorder)) {
      this.counters.overtook++;
      return nowMs;
    }
    const delay = jitterMs === 0 ? delayMs : delayMs + (this.#random.u32() / 0x8000_0000 - 1) * jitterMs;
    if (rate === undefined) return nowMs + delay;
    this.#lineFreeMs = Math.max(nowMs, this.#lineFreeMs) + (length * 8000) / rate;
    return this.#lineFreeMs + delay;
  }

  #happens(share: number): boolean {
    return share > 0 && this.#random.u32() < share * 0x1_0000_0000;
  }

  #before(a: number, b: number): boolean {
    const due = this.#dueMs[a]! - this.#dueMs[b]!;
    return due < 0 || (due === 0 && this.#order[a]! < this.#order[b]!);
  }

  #push(slot: number): void {
    const heap = this.#heap;
    let at = this.#size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(slot, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = slot;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap[--this.#size]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#size) break;
      if (child + 1 < this.#size && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

/**
 * One bucket per address, port or both: `net/netfilter/xt_hashlimit.c`, with its credits. Memory grows by doubling up to the table's
 * maximum, never per packet once the table has its size.
 */
import { HashlimitMode } from '../../ruleset.ts';
import { HZ } from '../jiffies.ts';

/** Credits for packets: CREDITS_PER_JIFFY of 64 bits, XT_HASHLIMIT_SCALE_v2. */
const CREDITS_PER_JIFFY = 2 ** 39;
const SCALE = 1_000_000;
/** Credits for bytes, which come in chunks of 16. */
const CREDITS_PER_JIFFY_BYTES = 1 << 24;
const BYTE_CAP = CREDITS_PER_JIFFY_BYTES * HZ;
const CHUNK_SHIFT = 4;
const U32 = 0xffff_ffff;
const NONE = -1;
const FIRST_CAPACITY = 64;

/** `user2credits`; the kernel divides the constants first. */
const credits = (user: number): number => user * Math.floor((HZ * CREDITS_PER_JIFFY) / SCALE);
/** Bytes per second of a rate that is kept as a cost: larger is slower (`user2rate_bytes`). */
const costBytes = (cost: number): number => (Math.floor(U32 / cost) - 1) * 16;

export interface HashlimitConfig {
  readonly bytes: boolean;
  /** As in `HashlimitMatch`. */
  readonly average: number;
  readonly burst: number;
  /** Bits of `HashlimitMode`. */
  readonly mode: number;
  readonly srcMask: number;
  readonly dstMask: number;
  readonly max: number;
  readonly gcIntervalMs: number;
  readonly expireMs: number;
  readonly rateMatch: boolean;
  readonly rateIntervalS: number;
}

export class HashlimitTable {
  readonly config: HashlimitConfig;
  readonly #cost: number;
  readonly #cap: number;
  readonly #byteBursts: number;
  readonly #rate: number;
  readonly #rateBurst: number;
  #heads = new Int32Array(FIRST_CAPACITY).fill(NONE);
  #keys = new Int32Array(3 * FIRST_CAPACITY);
  #chain = new Int32Array(FIRST_CAPACITY);
  /** Credit, or packets and bytes of this window; bursts left, or whether the last window was over; tick of the last look; tick of the end. */
  #values = new Float64Array(4 * FIRST_CAPACITY);
  #touched = 0;
  #free = NONE;
  #count = 0;
  #nextGc = 0;

  constructor(config: HashlimitConfig) {
    this.config = config;
    const { average, burst } = config;
    this.#cost = config.bytes ? Math.floor((average * HZ * CREDITS_PER_JIFFY_BYTES) / 2 ** 32) : credits(average);
    this.#cap = config.bytes ? BYTE_CAP : credits(average * burst);
    this.#byteBursts = config.bytes ? burst : 0;
    this.#rate = config.bytes ? costBytes(average) : Math.floor(SCALE / average);
    this.#rateBurst = config.bytes ? this.#rate * (this.#byteBursts || 1) : this.#rate + burst;
  }

  get size(): number {
    return this.#count;
  }

  /**
   * Takes one packet out of its bucket.
   * @param ports source << 16 | destination
   * @param now in jiffies
   * @returns 1 within the rate, 0 above it, -1 when the table is full: the packet is dropped.
   */
  take(src: number, dst: number, ports: number, length: number, now: number): number {
    const { mode, srcMask, dstMask, expireMs } = this.config;
    const k0 = (mode & HashlimitMode.srcip) !== 0 ? src & srcMask : 0;
    const k1 = (mode & HashlimitMode.dstip) !== 0 ? dst & dstMask : 0;
    const k2 = ((mode & HashlimitMode.srcport) !== 0 ? ports & -0x10000 : 0) | ((mode & HashlimitMode.dstport) !== 0 ? ports & 0xffff : 0);
    if (now >= this.#nextGc) this.#collect(now);
    let e = this.#find(k0, k1, k2);
    if (e === NONE) {
      e = this.#add(k0, k1, k2, now);
      if (e === NONE) return -1;
    } else {
      this.#refill(e, now);
    }
    const v = 4 * e;
    this.#values[v + 3] = now + Math.ceil((expireMs * HZ) / 1000);
    const within = this.config.rateMatch ? this.#withinRate(v, length) : this.#pay(v, length);
    return within ? 1 : 0;
  }

  #pay(v: number, length: number): boolean {
    const values = this.#values;
    let cost = this.#cost;
    if (this.config.bytes) {
      cost = Math.min(((length >> CHUNK_SHIFT) + 1) * cost, BYTE_CAP);
      if (values[v]! < cost && values[v + 1]! > 0) {
        values[v + 1]!--;
        values[v] = BYTE_CAP;
      }
    }
    if (values[v]! < cost) return false;
    values[v]! -= cost;
    return true;
  }

  #withinRate(v: number, length: number): boolean {
    this.#values[v]! += this.config.bytes ? length : 1;
    return this.#values[v + 1] === 0 && this.#values[v]! <= this.#rateBurst;
  }

  #refill(e: number, now: number): void {
    const values = this.#values;
    const v = 4 * e;
    const delta = now - values[v + 2]!;
    if (delta === 0) return;
    if (this.config.rateMatch) {
      const interval = Math.max(1, this.config.rateIntervalS) * HZ;
      if (delta < interval) return;
      values[v + 1] = values[v]! * interval > delta * this.#rate ? 1 : 0;
      values[v] = 0;
    } else {
      values[v] = Math.min(this.#cap, values[v]! + delta * (this.config.bytes ? CREDITS_PER_JIFFY_BYTES : CREDITS_PER_JIFFY));
    }
    values[v + 2] = now;
  }

  #find(k0: number, k1: number, k2: number): number {
    const keys = this.#keys;
    for (let e = this.#heads[this.#bucket(k0, k1, k2)]!; e !== NONE; e = this.#chain[e]!) {
      if (keys[3 * e] === k0 && keys[3 * e + 1] === k1 && keys[3 * e + 2] === k2) return e;
    }
    return NONE;
  }

  #add(k0: number, k1: number, k2: number, now: number): number {
    if (this.#count >= this.config.max) return NONE;
    let e = this.#free;
    if (e !== NONE) {
      this.#free = this.#chain[e]!;
    } else {
      if (this.#touched === this.#chain.length) this.#grow();
      e = this.#touched++;
    }
    this.#count++;
    this.#keys[3 * e] = k0;
    this.#keys[3 * e + 1] = k1;
    this.#keys[3 * e + 2] = k2;
    const b = this.#bucket(k0, k1, k2);
    this.#chain[e] = this.#heads[b]!;
    this.#heads[b] = e;
    const v = 4 * e;
    this.#values[v] = this.config.rateMatch ? 0 : this.#cap;
    this.#values[v + 1] = this.config.rateMatch ? 0 : this.#byteBursts;
    this.#values[v + 2] = now;
    return e;
  }

  #grow(): void {
    const capacity = 2 * this.#chain.length;
    const keys = new Int32Array(3 * capacity);
    keys.set(this.#keys);
    this.#keys = keys;
    const values = new Float64Array(4 * capacity);
    values.set(this.#values);
    this.#values = values;
    this.#chain = new Int32Array(capacity);
    this.#heads = new Int32Array(capacity).fill(NONE);
    // Every entry is in use when the table grows: none is on the free list.
    for (let e = 0; e < this.#touched; e++) {
      const b = this.#bucket(keys[3 * e]!, keys[3 * e + 1]!, keys[3 * e + 2]!);
      this.#chain[e] = this.#heads[b]!;
      this.#heads[b] = e;
    }
  }

  /** Forgets buckets past their time. */
  #collect(now: number): void {
    this.#nextGc = now + Math.ceil((this.config.gcIntervalMs * HZ) / 1000);
    for (let b = 0; b < this.#heads.length; b++) {
      let before = NONE;
      let e = this.#heads[b]!;
      while (e !== NONE) {
        const next = this.#chain[e]!;
        if (this.#values[4 * e + 3]! < now) {
          if (before === NONE) this.#heads[b] = next;
          else this.#chain[before] = next;
          this.#chain[e] = this.#free;
          this.#free = e;
          this.#count--;
        } else {
          before = e;
        }
        e = next;
      }
    }
  }

  #bucket(k0: number, k1: number, k2: number): number {
    let h = Math.imul(k0, 0x9e3779b1) ^ Math.imul(k1, 0x85ebca6b) ^ Math.imul(k2, 0xc2b2ae35);
    h ^= h >>> 15;
    return h & (this.#heads.length - 1);
  }
}

/**
 * A list of addresses with the times at which they were seen: `net/netfilter/xt_recent.c`. Holds 100 addresses (`ip_list_tot`), the one
 * least recently seen gives way; per address a ring of times, 32 unless a rule counts further.
 *
 * All memory is taken when the list is made. Entries are numbers; a hash by address, and a list from the least recently seen on.
 */
import type { Ipv4 } from '../../../base/address.ts';
import { HZ } from '../jiffies.ts';

/** Module parameter `ip_list_tot`. */
const ENTRIES = 100;
const BUCKETS = 128;
const NONE = -1;

export class RecentList {
  readonly name: string;
  readonly mask: number;
  #ring: number;
  #stamps: Float64Array;
  readonly #address = new Int32Array(ENTRIES);
  readonly #ttl = new Uint8Array(ENTRIES);
  /** Where the next time goes, and how many there are. */
  readonly #index = new Uint16Array(ENTRIES);
  readonly #count = new Uint16Array(ENTRIES);
  readonly #heads = new Int16Array(BUCKETS).fill(NONE);
  readonly #chain = new Int16Array(ENTRIES).fill(NONE);
  readonly #older = new Int16Array(ENTRIES).fill(NONE);
  readonly #newer = new Int16Array(ENTRIES).fill(NONE);
  readonly #free: Int16Array = Int16Array.from({ length: ENTRIES }, (_, i) => i);
  #freeCount = ENTRIES;
  #oldest = NONE;
  #newest = NONE;

  /** @param ring times per address, a power of two */
  constructor(name: string, mask: number, ring: number) {
    this.name = name;
    this.mask = mask;
    this.#ring = ring;
    this.#stamps = new Float64Array(ENTRIES * ring);
  }

  get size(): number {
    return ENTRIES - this.#freeCount;
  }

  /** A rule that counts further has come: the list starts again with a larger ring, as in the kernel. */
  widen(ring: number): void {
    if (ring <= this.#ring) return;
    this.clear();
    this.#ring = ring;
    this.#stamps = new Float64Array(ENTRIES * ring);
  }

  clear(): void {
    while (this.#oldest !== NONE) this.remove(this.#oldest);
  }

  /** @param ttl 0: any. @returns the entry, or -1. */
  lookup(address: Ipv4, ttl: number): number {
    for (let e = this.#heads[bucket(address)]!; e !== NONE; e = this.#chain[e]!) {
      if (this.#address[e] !== address) continue;
      if (ttl === 0 || this.#ttl[e] === 0 || this.#ttl[e] === ttl) return e;
    }
    return NONE;
  }

  insert(address: Ipv4, ttl: number, now: number): void {
    if (this.#freeCount === 0) this.remove(this.#oldest);
    const e = this.#free[--this.#freeCount]!;
    this.#address[e] = address;
    this.#ttl[e] = ttl;
    this.#stamps[e * this.#ring] = now;
    this.#count[e] = 1;
    this.#index[e] = 1;
    const b = bucket(address);
    this.#chain[e] = this.#heads[b]!;
    this.#heads[b] = e;
    this.#append(e);
  }

  update(e: number, ttl: number, now: number): void {
    const at = this.#index[e]! & (this.#ring - 1);
    this.#stamps[e * this.#ring + at] = now;
    this.#index[e] = at + 1;
    if (at + 1 > this.#count[e]!) this.#count[e] = at + 1;
    this.#ttl[e] = ttl;
    this.#unlink(e);
    this.#append(e);
  }

  remove(e: number): void {
    const b = bucket(this.#address[e]!);
    if (this.#heads[b] === e) {
      this.#heads[b] = this.#chain[e]!;
    } else {
      let before = this.#heads[b]!;
      while (this.#chain[before] !== e) before = this.#chain[before]!;
      this.#chain[before] = this.#chain[e]!;
    }
    this.#unlink(e);
    this.#free[this.#freeCount++] = e;
  }

  /** Was it seen within `seconds` (0: ever), `hits` times (0: once)? */
  seen(e: number, now: number, seconds: number, hits: number): boolean {
    const since = now - seconds * HZ;
    let n = 0;
    for (let i = 0; i < this.#count[e]!; i++) {
      if (seconds !== 0 && this.#stamps[e * this.#ring + i]! < since) continue;
      if (hits === 0 || ++n >= hits) return true;
    }
    return false;
  }

  /** Removes the address least recently seen when it is older than `seconds`: never more than one. `keep`: not this one, -1 none. */
  reap(now: number, seconds: number, keep: number): void {
    const e = this.#oldest;
    if (e === NONE || e === keep) return;
    if (this.#stamps[e * this.#ring + this.#index[e]! - 1]! < now - seconds * HZ) this.remove(e);
  }

  /** Cold side: address, TTL and times of each entry, least recently seen first (`/proc/net/xt_recent`). */
  *entries(): Generator<{ address: Ipv4; ttl: number; last: number; stamps: readonly number[] }> {
    for (let e = this.#oldest; e !== NONE; e = this.#newer[e]!) {
      const at = e * this.#ring;
      const stamps = [...this.#stamps.subarray(at, at + this.#count[e]!)];
      yield { address: this.#address[e]!, ttl: this.#ttl[e]!, last: this.#stamps[at + this.#index[e]! - 1]!, stamps };
    }
  }

  #append(e: number): void {
    this.#older[e] = this.#newest;
    this.#newer[e] = NONE;
    if (this.#newest === NONE) this.#oldest = e;
    else this.#newer[this.#newest] = e;
    this.#newest = e;
  }

  #unlink(e: number): void {
    const older = this.#older[e]!;
    const newer = this.#newer[e]!;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }
}

const bucket = (address: Ipv4): number => Math.imul(address, 0x9e3779b1) >>> 25;

/**
 * The datagrams that are being put together: their columns, a hash by what names a datagram (RFC 791: source, destination,
 * identification, protocol), and their order by age. Which fragments fit together is decided in `fragments.ts`.
 */
import type { Random } from '../base/random.ts';
import { FragmentStore } from './fragment-store.ts';

const BUCKETS = 1024;

export class FragmentQueues {
  readonly store: FragmentStore;
  readonly flags: Uint8Array;
  /** ECN codepoints seen, as bits `1 << codepoint`. */
  readonly ecn: Uint8Array;
  /** Bytes of the datagram as far as they are known, and how many of them are here. */
  readonly len: Int32Array;
  readonly meat: Int32Array;
  /** Largest fragment, and largest of those with DF, headers included. */
  readonly maxSize: Int32Array;
  readonly maxDfSize: Int32Array;
  readonly firstRun: Int32Array;
  readonly lastRun: Int32Array;
  /** Count of the source's fragments when the last one of this datagram came. */
  readonly rid: Int32Array;
  /** Of the first fragment: length of its IPv4 header, of its link header, and where it came in. */
  readonly headLength: Uint8Array;
  readonly linkLength: Uint8Array;
  readonly iif: Int32Array;
  /** A datagram's time runs from its first fragment and is not extended, so the oldest is due first. */
  readonly expires: Float64Array;
  oldest = -1;
  /** Four words each: source, destination, id << 16 | protocol << 8 | user, zone. */
  readonly #key: Int32Array;
  readonly #buckets = new Int32Array(BUCKETS).fill(-1);
  readonly #nextInBucket: Int32Array;
  readonly #younger: Int32Array;
  readonly #older: Int32Array;
  readonly #seed: number;
  #youngest = -1;

  constructor(limit: number, random: Random) {
    this.store = new FragmentStore(limit);
    this.#seed = random.u32() | 0;
    const n = this.store.size;
    this.flags = new Uint8Array(n);
    this.ecn = new Uint8Array(n);
    this.len = new Int32Array(n);
    this.meat = new Int32Array(n);
    this.maxSize = new Int32Array(n);
    this.maxDfSize = new Int32Array(n);
    this.firstRun = new Int32Array(n);
    this.lastRun = new Int32Array(n);
    this.rid = new Int32Array(n);
    this.headLength = new Uint8Array(n);
    this.linkLength = new Uint8Array(n);
    this.iif = new Int32Array(n);
    this.expires = new Float64Array(n);
    this.#key = new Int32Array(n * 4);
    this.#nextInBucket = new Int32Array(n);
    this.#younger = new Int32Array(n);
    this.#older = new Int32Array(n);
  }

  /** 0..1023. */
  hash(src: number, dst: number, id: number): number {
    let h = Math.imul(src ^ this.#seed, 0x9e3779b1) ^ dst;
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ id;
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return (h ^ (h >>> 16)) & (BUCKETS - 1);
  }

  /** -1 when there is none. @param id identification << 16 | protocol << 8 | user */
  find(src: number, dst: number, id: number, zone: number): number {
    const key = this.#key;
    for (let q = this.#buckets[this.hash(src, dst, id)]!; q >= 0; q = this.#nextInBucket[q]!) {
      const k = q << 2;
      if (key[k] === src && key[k + 1] === dst && key[k + 2] === id && key[k + 3] === zone) return q;
    }
    return -1;
  }

  /** A new, empty one; -1 when there are too many. */
  open(src: number, dst: number, id: number, zone: number, expires: number): number {
    const q = this.store.takeQueue();
    if (q < 0) return -1;
    const k = q << 2;
    this.#key[k] = src;
    this.#key[k + 1] = dst;
    this.#key[k + 2] = id;
    this.#key[k + 3] = zone;
    const bucket = this.hash(src, dst, id);
    this.#nextInBucket[q] = this.#buckets[bucket]!;
    this.#buckets[bucket] = q;
    this.#clear(q);
    this.expires[q] = expires;
    this.#linkYoungest(q);
    return q;
  }

  /** Drops what is there and begins again, as the youngest (`ip_frag_reinit`). */
  restart(q: number, expires: number): void {
    this.#dropFragments(q);
    this.#clear(q);
    this.#unlink(q);
    this.expires[q] = expires;
    this.#linkYoungest(q);
  }

  close(q: number): void {
    this.#dropFragments(q);
    this.#unlink(q);
    const k = q << 2;
    const bucket = this.hash(this.#key[k]!, this.#key[k + 1]!, this.#key[k + 2]!);
    if (this.#buckets[bucket] === q) this.#buckets[bucket] = this.#nextInBucket[q]!;
    else {
      let before = this.#buckets[bucket]!;
      while (this.#nextInBucket[before] !== q) before = this.#nextInBucket[before]!;
      this.#nextInBucket[before] = this.#nextInBucket[q]!;
    }
    this.store.giveQueue(q);
  }

  #clear(q: number): void {
    this.flags[q] = 0;
    this.ecn[q] = 0;
    this.len[q] = 0;
    this.meat[q] = 0;
    this.maxSize[q] = 0;
    this.maxDfSize[q] = 0;
    this.firstRun[q] = -1;
    this.lastRun[q] = -1;
  }

  #dropFragments(q: number): void {
    const s = this.store;
    for (let run = this.firstRun[q]!; run >= 0; ) {
      const nextRun = s.nextRun[run]!;
      for (let f = run; f >= 0; ) {
        const next = s.next[f]!;
        s.drop(f);
        f = next;
      }
      run = nextRun;
    }
  }

  #unlink(q: number): void {
    const older = this.#older[q]!;
    const younger = this.#younger[q]!;
    if (older >= 0) this.#younger[older] = younger;
    else this.oldest = younger;
    if (younger >= 0) this.#older[younger] = older;
    else this.#youngest = older;
  }

  #linkYoungest(q: number): void {
    this.#older[q] = this.#youngest;
    this.#younger[q] = -1;
    if (this.#youngest >= 0) this.#younger[this.#youngest] = q;
    else this.oldest = q;
    this.#youngest = q;
  }
}

/**
 * The table: entries in columns, and a hash over both tuples of each.
 *
 * Hash: lines of 16 words, one cache line each. Words 0..14 are slots, packed from the left: tag of 8 bits << 24 | handle + 1, where
 * a handle is entry << 1 | direction. Word 15 counts the handles that had this line for home, or came by, and were put further on: a
 * look-up goes on to the next line only while it is not 0, and a removal leaves no tombstone. Four slots per entry: half full at most.
 * A look-up costs one miss for the line and one for the entry; the tag spares 255 of 256 visits to others.
 *
 * Bytes per entry: words 64, words 32, hash 16, deadline 4, source list 4 + 4: 124. Untouched pages cost nothing, so the table is made
 * at its full size and entries are taken from the front.
 */
import type { Random } from '../base/random.ts';
import { DST, ENTRY, EXPIRES, KEY, KEY_TUPLE, LINK, PORTS, REPLY, SRC, STATUS, zoneOf } from './layout.ts';
import { Ips } from './status.ts';

const LINE = 4; // log2 of the words in a line
const SLOTS = 15;
const HANDLE_MASK = 0x00ff_ffff;
/** Lines that an insertion may go on to: past it the bucket counts as too long, as past MAX_CHAINLEN in the kernel. */
const MAX_LINES = 8;
/** Handles are 24 bits with one value for "empty". */
export const MAX_ENTRIES = (HANDLE_MASK >> 1) - 1;
/** `deadline` of what never comes due: free and unconfirmed entries. */
export const NEVER = 0x7fff_ffff;

/**
 * Words on a cache line's border: the allocator puts a large block 16 bytes behind a page's start, so 48 more make 64. Where it does
 * not, nothing is lost but that.
 */
const aligned = (words: number): Int32Array<ArrayBuffer> => new Int32Array(new ArrayBuffer(words * 4 + 48), 48, words);

export class Table {
  readonly capacity: number;
  /** The entries, `ENTRY` words each. */
  readonly words: Int32Array;
  /** At or before the entry's `expires`: what the sweep looks through, so that a refresh need not write here. */
  readonly deadline: Int32Array;
  /** Entries before this were in use once. */
  touched = 0;
  /** Entries in use, unconfirmed ones included (`nf_conntrack_count`). */
  count = 0;
  /** Handles that were put in so far: as long as it stands, what was not found is not there. */
  inserted = 0;
  readonly slots: Int32Array;
  readonly #lines: number;
  readonly #seed0: number;
  readonly #seed1: number;
  readonly #seed2: number;
  #free = -1;

  constructor(capacity: number, random: Random) {
    if (!(capacity >= 1 && capacity <= MAX_ENTRIES))
      throw new RangeError(`conntrack table of ${capacity} entries: from 1 to ${MAX_ENTRIES}`);
    this.capacity = capacity;
    this.words = aligned(capacity * ENTRY);
    this.deadline = new Int32Array(capacity);
    this.#lines = (capacity >> 2) + 2;
    this.slots = aligned(this.#lines << LINE);
    this.#seed0 = random.u32() | 0;
    this.#seed1 = random.u32() | 0;
    this.#seed2 = random.u32() | 0;
  }

  get bytes(): number {
    return this.words.byteLength + this.deadline.byteLength + this.slots.byteLength;
  }

  /** Keyed hash of a tuple: Jenkins' lookup3 over four words, its state filled from the seed. */
  hash(src: number, dst: number, ports: number, keyed: number): number {
    let a = (src + this.#seed0) | 0;
    let b = (dst + this.#seed1) | 0;
    let c = (ports + this.#seed2) | 0;
    a = (a - c) ^ ((c << 4) | (c >>> 28));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 6) | (a >>> 26));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 8) | (b >>> 24));
    b = (b + a) | 0;
    a = (a - c) ^ ((c << 16) | (c >>> 16));
    c = (c + b) | 0;
    b = (b - a) ^ ((a << 19) | (a >>> 13));
    a = (a + c) | 0;
    c = (c - b) ^ ((b << 4) | (b >>> 28));
    b = (b + a) | 0;
    a = (a + keyed) | 0;
    c = (c ^ b) - ((b << 14) | (b >>> 18));
    a = (a ^ c) - ((c << 11) | (c >>> 21));
    b = (b ^ a) - ((a << 25) | (a >>> 7));
    c = (c ^ b) - ((b << 16) | (b >>> 16));
    a = (a ^ c) - ((c << 4) | (c >>> 28));
    b = (b ^ a) - ((a << 14) | (a >>> 18));
    return ((c ^ b) - ((b << 24) | (b >>> 8))) | 0;
  }

  hashOf(handle: number): number {
    const b = (handle >> 1) * ENTRY;
    const t = b + (handle & 1) * REPLY;
    const key = this.words[b + KEY]!;
    return this.hash(this.words[t + SRC]!, this.words[t + DST]!, this.words[t + PORTS]!, (key & 0xff) | (zoneOf(key, handle & 1) << 8));
  }

  /** The line where a tuple with this hash has its home (`reciprocal_scale`). */
  lineOf(hash: number): number {
    return (((hash >>> 0) * this.#lines) / 0x1_0000_0000) | 0;
  }

  /**
   * Handle of the confirmed entry that has this tuple in the zone, or -1. It may be past its time: the caller checks.
   *
   * @param key protocol and zone, as in an entry's key word
   * @param after only handles that come after this one in the order of the search (-1: from the start)
   */
  find(src: number, dst: number, ports: number, key: number, hash: number, after = -1): number {
    const slots = this.slots;
    const words = this.words;
    const tag = hash & 0xff;
    let line = this.lineOf(hash);
    let skip = after >= 0;
    for (;;) {
      const at = line << LINE;
      for (let i = at; i < at + SLOTS; i++) {
        const slot = slots[i]!;
        if (slot === 0) break;
        if (slot >>> 24 !== tag) continue;
        const handle = (slot & HANDLE_MASK) - 1;
        if (skip) {
          skip = handle !== after;
          continue;
        }
        const b = (handle >> 1) * ENTRY;
        const t = b + (handle & 1) * REPLY;
        if (words[t + SRC] !== src || words[t + DST] !== dst || words[t + PORTS] !== ports) continue;
        const k = words[b + KEY]! & KEY_TUPLE;
        if (k !== key) {
          if (((k ^ key) & 0xff) !== 0 || zoneOf(k, handle & 1) !== zoneOf(key, handle & 1)) continue;
        }
        return handle;
      }
      if (slots[at + SLOTS] === 0) return -1;
      line = line + 1 === this.#lines ? 0 : line + 1;
    }
  }

  /**
   * In front of the others in its line: where several entries fit a packet, which directed zones and a host that speaks to itself make
   * possible, the kernel finds the newest (`hlist_nulls_add_head_rcu`), and of one entry the reply.
   * @returns false when the bucket is too long: nothing is changed then.
   */
  insert(handle: number, hash: number): boolean {
    const slots = this.slots;
    const home = this.lineOf(hash);
    let line = home;
    for (let n = 0; n < MAX_LINES; n++) {
      const at = line << LINE;
      if (slots[at + SLOTS - 1] === 0) {
        let i = at;
        while (slots[i] !== 0) i++;
        for (; i > at; i--) slots[i] = slots[i - 1]!;
        slots[at] = (hash << 24) | (handle + 1);
        this.inserted++;
        for (let l = home; l !== line; l = l + 1 === this.#lines ? 0 : l + 1) slots[(l << LINE) + SLOTS]!++;
        return true;
      }
      line = line + 1 === this.#lines ? 0 : line + 1;
    }
    return false;
  }

  /** Takes a handle out; one that is not there (the hidden direction of a clash) is left alone. */
  remove(handle: number, hash: number): void {
    const slots = this.slots;
    const word = (hash << 24) | (handle + 1);
    const home = this.lineOf(hash);
    let line = home;
    for (;;) {
      const at = line << LINE;
      for (let i = at; i < at + SLOTS; i++) {
        if (slots[i] !== word) continue;
        let last = i;
        for (; last + 1 < at + SLOTS && slots[last + 1] !== 0; last++) slots[last] = slots[last + 1]!;
        slots[last] = 0;
        for (let l = home; l !== line; l = l + 1 === this.#lines ? 0 : l + 1) slots[(l << LINE) + SLOTS]!--;
        return;
      }
      if (slots[at + SLOTS] === 0) return;
      line = line + 1 === this.#lines ? 0 : line + 1;
    }
  }

  /** The `n`-th handle of the line, or -1 past its end: how early drop walks a bucket. */
  handleAt(line: number, n: number): number {
    if (n >= SLOTS) return -1;
    const slot = this.slots[((line % this.#lines) << LINE) + n]!;
    return slot === 0 ? -1 : (slot & HANDLE_MASK) - 1;
  }

  /** A cleared entry, or -1 when all are in use. */
  allocate(): number {
    let i = this.#free;
    if (i >= 0) {
      this.#free = this.words[i * ENTRY + LINK]!;
    } else if (this.touched < this.capacity) {
      i = this.touched++;
    } else {
      return -1;
    }
    const b = i * ENTRY;
    this.words[b + STATUS] = 0;
    this.words[b + EXPIRES] = 0;
    this.deadline[i] = NEVER;
    this.count++;
    return i;
  }

  /** Gives an entry back that is in no list any more. */
  free(i: number): void {
    const b = i * ENTRY;
    this.words[b + STATUS] = 0;
    this.words[b + LINK] = this.#free;
    this.#free = i;
    this.deadline[i] = NEVER;
    this.count--;
  }

  /** Is the entry in the hash and not on its way out? */
  live(i: number): boolean {
    return (this.words[i * ENTRY + STATUS]! & (Ips.Confirmed | Ips.Dying)) === Ips.Confirmed;
  }

  /** The entry that the slots at `at`, a line's first word, have for a hash; 0 when none: it is a guess by the tag alone. */
  peek(at: number, hash: number): number {
    const slots = this.slots;
    const tag = hash & 0xff;
    for (let i = at; i < at + SLOTS; i++) {
      const slot = slots[i]!;
      if (slot >>> 24 === tag) return slot === 0 ? 0 : ((slot & HANDLE_MASK) - 1) >> 1;
      if (slot === 0) return 0;
    }
    return 0;
  }
}

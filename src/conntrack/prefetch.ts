/**
 * Loads what the look-ups of a batch will need before the first of them is made. One after the other, each look-up waits for memory twice
 * (the line of the hash, the entry); loaded together, the waits of many packets overlap. A packet without an entry will want the line of its answers
 * as well.
 */
import type { Packet } from '../packet/packet.ts';
import { i32 } from '../wire/bytes.ts';
import { ENTRY } from './layout.ts';
import type { Newest } from './newest.ts';
import type { Table } from './table.ts';

/** Longest batch that is loaded as a whole. */
const LONGEST = 256;
/** Entries from which on it is worth the look: before, everything is in the caches. */
const WORTH_FROM = 4096;

export class Prefetch {
  readonly #table: Table;
  readonly #newest: Newest;
  readonly #hashes = new Int32Array(LONGEST);
  readonly #places = new Int32Array(LONGEST);

  constructor(table: Table, newest: Newest) {
    this.#table = table;
    this.#newest = newest;
  }

  /**
   * The loops that only load are kept as short as can be: what the processor overlaps is what fits into its window of instructions.
   * @returns a number without meaning, so that the loads are not optimised away.
   */
  batch(packets: readonly Packet[], n: number, link: number): number {
    const table = this.#table;
    if (table.count < WORTH_FROM) return 0;
    const hashes = this.#hashes;
    const at = this.#places;
    const { words, slots } = table;
    const count = Math.min(n, LONGEST);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const p = packets[i]!;
      const b = p.bytes;
      const l3 = p.start + link;
      const l4 = l3 + ((b[l3]! & 15) << 2);
      const hash = b[l3]! >> 4 !== 4 || l4 + 4 > p.end ? 0 : table.hash(i32(b, l3 + 12), i32(b, l3 + 16), i32(b, l4), b[l3 + 9]!);
      hashes[i] = hash;
      at[i] = table.lineOf(hash) << 4;
    }
    for (let i = 0; i < count; i++) sum ^= slots[at[i]!]!;
    let unknown = 0;
    for (let i = 0; i < count; i++) {
      const entry = table.peek(at[i]!, hashes[i]!);
      at[i] = entry;
      if (entry === 0) hashes[unknown++] = this.#replyHash(packets[i]!, link);
    }
    for (let i = 0; i < unknown; i++) sum ^= slots[table.lineOf(hashes[i]!) << 4]!;
    for (let i = 0; i < count; i++) sum ^= words[at[i]! * ENTRY]!;
    for (let i = 0; i < count; i++) sum ^= words[at[i]! * ENTRY + ENTRY - 1]!;
    return sum;
  }

  /** Of what is IPv4 and long enough; else of bytes that say nothing, and stand there all the same. */
  #replyHash(p: Packet, link: number): number {
    const b = p.bytes;
    const l3 = p.start + link;
    const l4 = l3 + ((b[l3]! & 15) << 2);
    if (l4 + 4 > p.end) return 0;
    return this.#newest.replyHash(this.#table, i32(b, l3 + 12), i32(b, l3 + 16), i32(b, l4), b[l3 + 9]!);
  }
}

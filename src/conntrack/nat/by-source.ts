/**
 * Entries whose source is rewritten, by their original source (`nf_nat_bysource`): the next flow of the same socket gets the same
 * source again where that is free. Lists are double-linked, because a resolver's one socket may own thousands of entries.
 *
 * Differs from Linux: entries whose source stays as it is are not in the lists. They cannot answer `findSource`, which is asked only
 * when the source as it stands does not fit the range.
 */
import { ENTRY, KEY, KEY_TUPLE, LINK, PORTS, SRC, STATUS } from '../layout.ts';
import { Ips } from '../status.ts';
import type { Table } from '../table.ts';

export class BySource {
  readonly #table: Table;
  /** First entry + 1 by hash; previous entry + 1, or -(bucket + 1) for the first one. */
  readonly #heads: Int32Array;
  readonly #prev: Int32Array;
  readonly #mask: number;

  constructor(table: Table) {
    this.#table = table;
    const buckets = Math.max(1, 1 << (31 - Math.clz32(table.capacity)));
    this.#heads = new Int32Array(buckets);
    this.#prev = new Int32Array(table.capacity);
    this.#mask = buckets - 1;
  }

  get bytes(): number {
    return this.#heads.byteLength + this.#prev.byteLength;
  }

  #bucket(i: number): number {
    const words = this.#table.words;
    const b = i * ENTRY;
    return this.bucket(words[b + SRC]!, words[b + PORTS]!, words[b + KEY]! & KEY_TUPLE);
  }

  bucket(src: number, ports: number, key: number): number {
    return this.#table.hash(src, 0, ports >>> 16, key & 0xff) & this.#mask;
  }

  /** First entry of a bucket, or -1; the rest by `next`. */
  first(bucket: number): number {
    return this.#heads[bucket]! - 1;
  }

  next(i: number): number {
    return this.#table.words[i * ENTRY + LINK]! - 1;
  }

  insert(i: number): void {
    const bucket = this.#bucket(i);
    const head = this.#heads[bucket]!;
    this.#table.words[i * ENTRY + LINK] = head;
    this.#prev[i] = -(bucket + 1);
    if (head !== 0) this.#prev[head - 1] = i + 1;
    this.#heads[bucket] = i + 1;
  }

  /** An entry whose source is not rewritten is in no list. */
  remove(i: number): void {
    const words = this.#table.words;
    if ((words[i * ENTRY + STATUS]! & Ips.SrcNat) === 0) return;
    const next = words[i * ENTRY + LINK]!;
    const prev = this.#prev[i]!;
    if (prev < 0) this.#heads[-prev - 1] = next;
    else words[(prev - 1) * ENTRY + LINK] = next;
    if (next !== 0) this.#prev[next - 1] = prev;
  }
}

/**
 * Copies frames by words of 32 bits, from any memory into one: on Node 24 the shortest way for frames of some hundred bytes at most, because `set` is a call and wants an object
 * for the part that is copied.
 */
import type { Mapping } from '../os/memory.ts';

export class FrameWords {
  readonly #to: Uint32Array;
  readonly #toBytes: Uint8Array;
  /** The memory that the last frame came from, and its words. */
  #bytes: Uint8Array = new Uint8Array(0);
  #words: Uint32Array = new Uint32Array(0);
  readonly #seen = new WeakMap<ArrayBufferLike, Uint32Array>();

  constructor(to: Mapping) {
    this.#to = new Uint32Array(to.bytes.buffer);
    this.#toBytes = to.bytes;
  }

  /**
   * Copy `bytes[start, end)` to offset `at`, a multiple of 4, or up to three bytes behind it: words are copied as they stand. What is around the frame in its first and last word is
   * copied with it.
   * @returns where the first byte stands
   */
  copy(bytes: Uint8Array, start: number, end: number, at: number): number {
    if (bytes !== this.#bytes) this.#look(bytes);
    const from = this.#words;
    const to = this.#to;
    const inBuffer = bytes.byteOffset + start;
    const first = inBuffer >>> 2;
    const count = ((bytes.byteOffset + end + 3) >>> 2) - first;
    const target = at >>> 2;
    if (first + count > from.length) return this.#copyBytes(bytes, start, end, at); // the buffer ends within a word
    for (let i = 0; i < count; i++) to[target + i] = from[first + i]!;
    return at + (inBuffer & 3);
  }

  #copyBytes(bytes: Uint8Array, start: number, end: number, at: number): number {
    for (let i = start; i < end; i++) this.#toBytes[at + i - start] = bytes[i]!;
    return at;
  }

  #look(bytes: Uint8Array): void {
    let words = this.#seen.get(bytes.buffer);
    if (words === undefined) {
      words = new Uint32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
      this.#seen.set(bytes.buffer, words);
    }
    this.#bytes = bytes;
    this.#words = words;
  }
}

/**
 * Words in shared memory in which pieces come and go while the node's thread reads others: the code of chains, the segments of the index.
 * A piece that was given back is used again only when the node's thread has said that it no longer goes there. Cold side.
 */
import { sharedInt32 } from './program.ts';

/** Room for what comes later: as much again, and never less. The memory is only taken when something is written there. */
const LEAST_ROOM = 4096;

interface Piece {
  readonly at: number;
  readonly length: number;
  /** Of the patch with which it went. */
  readonly number: number;
}

export class Arena {
  readonly words: Int32Array;
  #end: number;
  /** Free pieces by length. */
  readonly #free = new Map<number, number[]>();
  /** In the order of their patches. */
  readonly #leaving: Piece[] = [];

  /** @param filled what stands at the front */
  constructor(filled: Int32Array) {
    this.words = sharedInt32(filled.length + Math.max(LEAST_ROOM, filled.length));
    this.words.set(filled);
    this.#end = filled.length;
  }

  /** @param length even, in an arena whose pieces begin at even words. @returns where, or -1: there is no room */
  take(length: number): number {
    const exact = this.#free.get(length)?.pop();
    if (exact !== undefined) return exact;
    if (this.#end + length <= this.words.length) {
      this.#end += length;
      return this.#end - length;
    }
    let best = Number.POSITIVE_INFINITY;
    for (const [size, places] of this.#free) if (size >= length && size < best && places.length > 0) best = size;
    if (best === Number.POSITIVE_INFINITY) return -1;
    const at = this.#free.get(best)!.pop()!;
    this.#give(at + length, best - length);
    return at;
  }

  /** @param number of the patch after which nobody goes there */
  leave(at: number, length: number, number: number): void {
    if (length > 0) this.#leaving.push({ at, length, number });
  }

  /** @param applied number of the last patch that the node's thread has applied */
  settle(applied: number): void {
    let n = 0;
    while (n < this.#leaving.length && this.#leaving[n]!.number <= applied) n++;
    for (const { at, length } of this.#leaving.splice(0, n)) this.#give(at, length);
  }

  #give(at: number, length: number): void {
    if (length === 0) return;
    const places = this.#free.get(length);
    if (places === undefined) this.#free.set(length, [at]);
    else places.push(at);
  }
}

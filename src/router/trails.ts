/** Rules that flows match, each list once: nearly all flows of a node match one of a few. What they count is added up per batch. */
import type { Trail } from '../netfilter/execute/trail.ts';

const TRAILS = 64;
const PLACES = 64;

export class Trails {
  /** The program's counters: packets at a place, bytes one further. */
  counters: Float64Array = new Float64Array(0);
  readonly #places = new Int32Array(TRAILS * PLACES);
  readonly #lengths = new Int32Array(TRAILS);
  readonly #packets = new Float64Array(TRAILS);
  readonly #bytes = new Float64Array(TRAILS);
  #size = 0;
  #counted = false;

  /** @returns the number of a list of the same rules, -1 when there is no room for one more */
  add({ places, length }: Trail): number {
    for (let n = 0; n < this.#size; n++) if (this.#is(n, places, length)) return n;
    if (this.#size === TRAILS) return -1;
    const n = this.#size++;
    this.#lengths[n] = length;
    for (let i = 0; i < length; i++) this.#places[n * PLACES + i] = places[i]!;
    return n;
  }

  #is(n: number, places: Int32Array, length: number): boolean {
    if (this.#lengths[n] !== length) return false;
    for (let i = 0; i < length; i++) if (this.#places[n * PLACES + i] !== places[i]) return false;
    return true;
  }

  count(n: number, bytes: number): void {
    this.#packets[n]!++;
    this.#bytes[n]! += bytes;
    this.#counted = true;
  }

  settle(): void {
    if (!this.#counted) return;
    this.#counted = false;
    const { counters } = this;
    for (let n = 0; n < this.#size; n++) {
      const packets = this.#packets[n]!;
      if (packets === 0) continue;
      const bytes = this.#bytes[n]!;
      const end = n * PLACES + this.#lengths[n]!;
      for (let i = n * PLACES; i < end; i++) {
        counters[this.#places[i]!]! += packets;
        counters[this.#places[i]! + 1]! += bytes;
      }
      this.#packets[n] = 0;
      this.#bytes[n] = 0;
    }
  }

  clear(): void {
    this.#size = 0;
  }
}

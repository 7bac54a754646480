/** Numbers of a range that are taken or free: what both allocators stand on (k/k `pkg/registry/core/service/{ip,port}allocator`). */
import type { Random } from '../../base/random.ts';

/** `lower` is for those who choose a number themselves: the others are drawn from above it as long as there are any. */
export class NumberRange {
  readonly first: number;
  readonly size: number;
  readonly #lower: number;
  readonly #random: Random;
  readonly #taken = new Set<number>();

  constructor(first: number, size: number, lower: number, random: Random) {
    this.first = first;
    this.size = size;
    this.#lower = lower;
    this.#random = random;
  }

  has(number: number): boolean {
    return number >= this.first && number < this.first + this.size;
  }
  isTaken(number: number): boolean {
    return this.#taken.has(number);
  }
  /** @returns false when it is taken already */
  take(number: number): boolean {
    if (this.#taken.has(number)) return false;
    this.#taken.add(number);
    return true;
  }
  free(number: number): void {
    this.#taken.delete(number);
  }
  /** One that is free, and taken now; undefined when there is none. */
  draw(): number | undefined {
    return this.#drawFrom(this.#lower, this.size) ?? this.#drawFrom(0, this.#lower);
  }

  #drawFrom(from: number, to: number): number | undefined {
    const count = to - from;
    if (count <= 0) return undefined;
    const start = this.#random.below(count);
    for (let i = 0; i < count; i++) {
      const number = this.first + from + ((start + i) % count);
      if (this.take(number)) return number;
    }
    return undefined;
  }
}

/** How much of a range is kept for static numbers: between 16 and 256, a sixteenth of it (KEP-3070). */
export const lowerBand = (size: number): number => (size < 32 ? 0 : Math.min(Math.max(16, Math.floor(size / 16)), 256, size));

/** Seeded choices for generators. */
import type { Random } from '../../../src/base/random.ts';

export class Chooser {
  readonly #random: Random;
  constructor(random: Random) {
    this.#random = random;
  }
  below(n: number): number {
    return this.#random.below(n);
  }
  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.#random.below(n) === 0;
  }
  of<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }
  /** By weight. */
  weighted<T>(items: readonly (readonly [weight: number, item: T])[]): T {
    let at = this.#random.below(items.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, item] of items) {
      at -= weight;
      if (at < 0) return item;
    }
    return items.at(-1)![1];
  }
  u32(): number {
    return this.#random.u32();
  }
}

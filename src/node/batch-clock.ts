/** The clock of a packet loop: read once per batch, so that a packet costs none. It can be sent ahead, and runs on from there. */
import type { Clock } from '../base/clock.ts';

export class BatchClock implements Clock {
  readonly #source: Clock;
  #ms: number;
  #aheadMs = 0;
  constructor(source: Clock) {
    this.#source = source;
    this.#ms = source.nowMs();
  }
  nowMs(): number {
    return this.#ms;
  }
  tick(): void {
    this.#ms = this.#source.nowMs() + this.#aheadMs;
  }

  /** How far it is ahead of its source. */
  get aheadMs(): number {
    return this.#aheadMs;
  }
  /** Jumps. @throws RangeError for a negative number of milliseconds: a clock does not go back */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a clock does not go back: ${ms} ms`);
    this.#aheadMs += ms;
    this.tick();
  }
}

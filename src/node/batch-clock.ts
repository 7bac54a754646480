/** The clock of a packet loop: read once per batch, so that a packet costs none. */
import type { Clock } from '../base/clock.ts';

export class BatchClock implements Clock {
  readonly #source: Clock;
  #ms: number;
  constructor(source: Clock) {
    this.#source = source;
    this.#ms = source.nowMs();
  }
  nowMs(): number {
    return this.#ms;
  }
  tick(): void {
    this.#ms = this.#source.nowMs();
  }
}

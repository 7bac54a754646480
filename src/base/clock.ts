/** Time is an argument: what needs it takes a `Clock`, so that an exercise can jump 24 hours and a test never sleeps. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. Fractions allowed. */
  nowMs(): number;
}

export const monotonicClock: Clock = { nowMs: () => performance.now() };

/** Milliseconds since 1970, as the machine has them: for what is shown as a date. It may be set, and then go back. */
export const wallClock: Clock = { nowMs: () => Date.now() };

/** A clock that stands still until it is told. */
export class VirtualClock implements Clock {
  #ms: number;
  constructor(startMs = 0) {
    this.#ms = startMs;
  }
  nowMs(): number {
    return this.#ms;
  }
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`a clock does not go back: ${ms} ms`);
    this.#ms += ms;
  }
}

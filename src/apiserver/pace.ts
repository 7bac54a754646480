/**
 * When the streams of watches are written. One change that a thousand clients see is a thousand writes: while these cost much, the next ones wait a
 * little, so that several changes go out in one write. When they cost little nobody waits.
 */
export interface Paced {
  pump(): void;
}

/** The pause is so many times as long as the last round took, */
const SHARE = 2;
/** and never longer than this. */
const LONGEST_MS = 40;
/** A round that was shorter has no pause. */
const FREE_MS = 2;

export class Pace {
  readonly #waiting = new Set<Paced>();
  #isDue = false;
  #notBefore = 0;

  /** Pumps it soon. */
  want(stream: Paced): void {
    this.#waiting.add(stream);
    if (this.#isDue) return;
    this.#isDue = true;
    const pause = this.#notBefore - performance.now();
    if (pause > 0) setTimeout(() => this.#round(), pause);
    else setImmediate(() => this.#round());
  }

  #round(): void {
    const start = performance.now();
    this.#isDue = false;
    const streams = [...this.#waiting];
    this.#waiting.clear();
    for (const stream of streams) stream.pump();
    const end = performance.now();
    const took = end - start;
    this.#notBefore = took < FREE_MS ? 0 : end + Math.min(LONGEST_MS, SHARE * took);
  }
}

/** Time that goes on when a test says so, for what is called later. */
import { VirtualClock } from '../../src/base/clock.ts';
import type { After } from '../../src/proxy/sync-runner.ts';

export class VirtualTimers {
  readonly clock = new VirtualClock();
  readonly #waiting = new Set<{ readonly at: number; readonly work: () => void }>();

  readonly after: After = (ms, work) => {
    const one = { at: this.clock.nowMs() + ms, work };
    this.#waiting.add(one);
    return () => void this.#waiting.delete(one);
  };

  /** What is due by then is called, the earliest first, each with what it sets off. */
  async advance(ms: number): Promise<void> {
    const until = this.clock.nowMs() + ms;
    for (;;) {
      await settled();
      const [next] = [...this.#waiting].filter(w => w.at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#waiting.delete(next);
      this.clock.advance(next.at - this.clock.nowMs());
      next.work();
    }
    this.clock.advance(until - this.clock.nowMs());
    await settled();
  }
}

/** Promises that could go on have gone on. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** Time as a controller or a kubelet needs it: what it is, and being called later. Handed in, so that a test of minutes takes none. */
import type { Clock } from './clock.ts';

export interface Timers extends Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** @returns calls it off */
  after(ms: number, run: () => void): () => void;
}

export const realTimers: Timers = {
  nowMs: () => Date.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

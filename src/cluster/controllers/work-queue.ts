/**
 * Keys that wait for being looked at, each once however often it was named (client-go `util/workqueue`). A look that fails is repeated, later each
 * time. Looks run in turns of their own, a few at a time, so that ten thousand of them keep nobody else from running.
 */
import type { Timers } from '../../base/timers.ts';

/** Delays of a repeated look, doubled each time: client-go's DefaultControllerRateLimiter begins with 5 ms and ends at 1000 s. */
const FIRST_RETRY_MS = 5;
const LAST_RETRY_MS = 1_000_000;
const IN_ONE_TURN = 64;

export interface WorkQueueOptions {
  readonly timers: Timers;
  /** Runs later, in a turn of its own. */
  readonly schedule: (run: () => void) => void;
  /** A look failed; it will be repeated. */
  readonly report: (key: string, error: unknown) => void;
}

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #look: (key: string) => void;
  readonly #waiting = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #later = new Map<string, { dueMs: number; cancel: () => void }>();
  #scheduled = false;
  #stopped = false;

  constructor(options: WorkQueueOptions, look: (key: string) => void) {
    this.#options = options;
    this.#look = look;
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule(() => this.#run());
  }

  /** Not before so many milliseconds have passed; the earliest of several wins. */
  addAfter(key: string, ms: number): void {
    if (this.#stopped) return;
    const dueMs = this.#options.timers.nowMs() + ms;
    const known = this.#later.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.cancel();
    const cancel = this.#options.timers.after(ms, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { dueMs, cancel });
  }

  stop(): void {
    this.#stopped = true;
    for (const { cancel } of this.#later.values()) cancel();
    this.#waiting.clear();
  }

  #run(): void {
    let left = IN_ONE_TURN;
    for (const key of this.#waiting) {
      if (left-- === 0) break;
      this.#waiting.delete(key);
      this.#try(key);
    }
    this.#scheduled = this.#waiting.size > 0 && !this.#stopped;
    if (this.#scheduled) this.#options.schedule(() => this.#run());
  }

  #try(key: string): void {
    try {
      this.#look(key);
      this.#failures.delete(key);
    } catch (error) {
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      this.#options.report(key, error);
      this.addAfter(key, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** failures));
    }
  }
}

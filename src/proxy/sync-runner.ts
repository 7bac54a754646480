/**
 * When a proxy syncs (kubernetes `pkg/proxy/runner/bounded_frequency_runner.go`): soon after a change, never sooner than `minMs` after the
 * end of the sync before, so that many changes are one sync; again `retryMs` after one that failed; and once in `maxMs` without any change.
 */

export interface Outcome {
  readonly ok: boolean;
}

/** Calls `work` once, after `ms`. @returns forgets it */
export type After = (ms: number, work: () => void) => () => void;

export interface SyncRunnerOptions<Result extends Outcome> {
  /** Never rejects. */
  readonly sync: () => Promise<Result>;
  readonly after: After;
  readonly minMs: number;
  readonly retryMs: number;
  readonly maxMs: number;
}

export class SyncRunner<Result extends Outcome> {
  readonly #options: SyncRunnerOptions<Result>;
  /** Those who wait for the next sync. */
  #asked: PromiseWithResolvers<Result> | undefined;
  #running = false;
  #resting = false;
  #stopped = false;
  #forget: (() => void)[] = [];

  constructor(options: SyncRunnerOptions<Result>) {
    this.#options = options;
  }

  /** @returns of the sync that takes what has changed until now; never fulfilled once it is stopped */
  run(): Promise<Result> {
    this.#asked ??= Promise.withResolvers();
    const { promise } = this.#asked;
    this.#next();
    return promise;
  }

  /** What runs comes to its end, and nothing after it. */
  stop(): void {
    this.#stopped = true;
    this.#clear();
  }

  #next(): void {
    if (this.#stopped || this.#running || this.#resting || this.#asked === undefined) return;
    void this.#sync(this.#asked);
  }

  async #sync(asked: PromiseWithResolvers<Result>): Promise<void> {
    const { sync, after, minMs, retryMs, maxMs } = this.#options;
    this.#asked = undefined;
    this.#running = true;
    this.#clear();
    const result = await sync();
    this.#running = false;
    asked.resolve(result);
    if (this.#stopped) return;
    this.#resting = true;
    const rest = after(minMs, () => {
      this.#resting = false;
      this.#next();
    });
    const again = after(result.ok ? maxMs : retryMs, () => void this.run());
    this.#forget = [rest, again];
  }

  #clear(): void {
    for (const forget of this.#forget.splice(0)) forget();
  }
}

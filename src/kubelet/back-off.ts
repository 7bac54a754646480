/** How long a container that ended waits before it is started again (k/k `pkg/kubelet/kubelet.go`: 10 s, doubled, at most five minutes). */
export interface BackOffTimes {
  readonly firstMs: number;
  readonly mostMs: number;
}
export const RESTART_BACK_OFF: BackOffTimes = { firstMs: 10_000, mostMs: 300_000 };

export class BackOff {
  readonly #times: BackOffTimes;
  #delayMs = 0;

  constructor(times: BackOffTimes = RESTART_BACK_OFF) {
    this.#times = times;
  }

  /** What to wait now: nothing after the first run. @param ranMs one that ran for twice the longest wait begins anew */
  next(ranMs: number): number {
    const { firstMs, mostMs } = this.#times;
    if (ranMs >= 2 * mostMs) this.#delayMs = 0;
    const delay = this.#delayMs;
    this.#delayMs = Math.min(mostMs, delay === 0 ? firstMs : 2 * delay);
    return delay;
  }
}

/** As Go prints a duration: `10s`, `1m20s`. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/**
 * Is a proxy itself well (kubernetes `pkg/proxy/healthcheck/proxy_health.go`)? It is, unless a change has waited for its rules longer
 * than two sync periods. What it answers at `/healthz` and `/livez`.
 */
import type { Clock } from '../base/clock.ts';

/** Twice what `--iptables-sync-period` is unless told otherwise. */
export const HEALTH_TIMEOUT_MS = 60_000;

export interface HealthAnswer {
  readonly status: 200 | 503;
  readonly body: string;
}

export interface ProxyHealthOptions {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly epochMs: () => number;
  readonly timeoutMs?: number;
}

export class ProxyHealth {
  readonly #options: ProxyHealthOptions;
  readonly #startMs: number;
  #oldestPendingMs: number | undefined;
  #lastUpdated: { readonly clockMs: number; readonly epochMs: number } | undefined;
  /** False while the node is about to be taken away: then load balancers shall not send new connections. */
  nodeEligible = true;

  constructor(options: ProxyHealthOptions) {
    this.#options = options;
    this.#startMs = options.clock.nowMs();
  }

  /** A change waits for a sync. */
  queued(): void {
    this.#oldestPendingMs ??= this.#options.clock.nowMs();
  }
  /** Everything that waited is in force. */
  updated(): void {
    this.#oldestPendingMs = undefined;
    this.#lastUpdated = this.#now();
  }
  isHealthy(): boolean {
    const { clock, timeoutMs = HEALTH_TIMEOUT_MS } = this.#options;
    // Before the first sync it is starting, and that is well.
    return this.#lastUpdated === undefined || this.#oldestPendingMs === undefined || clock.nowMs() - this.#oldestPendingMs < timeoutMs;
  }

  healthz(): HealthAnswer {
    const healthy = this.isHealthy() && this.nodeEligible;
    return this.#answer(healthy, `, "nodeEligible": ${this.nodeEligible}`);
  }
  livez(): HealthAnswer {
    return this.#answer(this.isHealthy(), '');
  }

  /** As long as all is well, `lastUpdated` is the time of the question: so it was when every sync wrote everything. */
  #answer(healthy: boolean, more: string): HealthAnswer {
    const now = this.#now();
    const last = healthy ? now : this.#lastUpdated;
    const body = `{"lastUpdated": "${this.#text(last)}","currentTime": "${this.#text(now)}"${more}}`;
    return { status: healthy ? 200 : 503, body };
  }

  #now(): { clockMs: number; epochMs: number } {
    return { clockMs: this.#options.clock.nowMs(), epochMs: this.#options.epochMs() };
  }

  /** As Go prints a time: wall clock, and seconds of the monotonic clock since the process began. */
  #text(time: { clockMs: number; epochMs: number } | undefined): string {
    if (time === undefined) return '0001-01-01 00:00:00 +0000 UTC';
    const wall = new Date(time.epochMs).toISOString().replace('T', ' ').replace('Z', '');
    return `${wall} +0000 UTC m=+${((time.clockMs - this.#startMs) / 1000).toFixed(9)}`;
  }
}

/**
 * Limits of the ICMP errors that a node makes (`net/ipv4/icmp.c`): a global bucket (`icmp_msgs_per_sec`, `icmp_msgs_burst`), then one
 * per destination (`icmp_ratelimit`, a burst of six, `inet_peer_xrlim_allow`). Only the types in `icmp_ratemask` are limited, and
 * never "fragmentation needed", on which path MTU discovery lives.
 */
import type { Clock } from '../base/clock.ts';
import { Type, Unreachable } from '../wire/icmp.ts';
import type { NodeSysctl } from './sysctl.ts';

const BURST_FACTOR = 6;
/** Destinations that are remembered: a table by hash, where a newcomer takes the place of whoever is there. */
const PEERS = 1024;
const NEWCOMER_MS = 60_000;
/** `ip_rt_error_cost` and `ip_rt_error_burst`. */
const ERROR_COST_MS = 1000;
const ERROR_BURST_MS = 5000;
/** `ip_rt_redirect_load`, `_number` and `_silence`. */
const REDIRECT_LOAD_MS = 20;
const REDIRECT_NUMBER = 9;
const REDIRECT_SILENCE_MS = 20_480;

export class IcmpLimit {
  readonly #clock: Clock;
  readonly #peer = new Int32Array(PEERS);
  readonly #tokensMs = new Float64Array(PEERS);
  readonly #lastMs = new Float64Array(PEERS);
  readonly #redirected = new Int32Array(PEERS);
  readonly #redirects = new Uint8Array(PEERS);
  readonly #redirectedMs = new Float64Array(PEERS);
  #credit = 0;
  #stampMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  allow(sysctl: NodeSysctl, dst: number, type: number, code: number): boolean {
    if ((sysctl.icmp_ratemask & (1 << type)) === 0) return true;
    if (type === Type.DestUnreachable && code === Unreachable.FragNeeded) return true;
    const now = this.#clock.nowMs();
    return this.#allowGlobal(sysctl, now) && this.#allowPeer(sysctl.icmp_ratelimit, dst);
  }

  /** icmp_global_allow: refilled at most every 20 ms. */
  #allowGlobal(sysctl: NodeSysctl, now: number): boolean {
    const delta = Math.min(now - this.#stampMs, 1000);
    if (delta >= 20) {
      const refill = Math.floor((sysctl.icmp_msgs_per_sec * delta) / 1000);
      if (refill > 0) {
        this.#stampMs = now;
        this.#credit = Math.min(this.#credit + refill, sysctl.icmp_msgs_burst);
      }
    }
    if (this.#credit < 1) return false;
    this.#credit--;
    return true;
  }

  /** `ip_rt_send_redirect`, `net/ipv4/route.c`: each one waits twice as long as the one before, nine in a row, then 20 s of silence. */
  allowRedirect(src: number): boolean {
    const now = this.#clock.nowMs();
    const at = Math.imul(src, 0x9e3779b1) >>> 22;
    if (this.#redirected[at] !== src || now > this.#redirectedMs[at]! + REDIRECT_SILENCE_MS) {
      this.#redirected[at] = src;
      this.#redirects[at] = 0;
      this.#redirectedMs[at] = Number.NEGATIVE_INFINITY;
    }
    const sent = this.#redirects[at]!;
    if (sent >= REDIRECT_NUMBER) {
      this.#redirectedMs[at] = now;
      return false;
    }
    if (sent > 0 && now <= this.#redirectedMs[at]! + REDIRECT_LOAD_MS * 2 ** sent) return false;
    this.#redirectedMs[at] = now;
    this.#redirects[at] = sent + 1;
    return true;
  }

  /**
   * `ip_error`, `net/ipv4/route.c`: that there is no way to somewhere a source is told once a second, five times in a row
   * (`net.ipv4.route.error_cost` and `error_burst`); the credit is the same as for other errors.
   */
  allowNoRoute(src: number): boolean {
    return this.#spend(src, ERROR_COST_MS, ERROR_BURST_MS);
  }

  #allowPeer(timeoutMs: number, dst: number): boolean {
    return this.#spend(dst, timeoutMs, timeoutMs * BURST_FACTOR);
  }

  /** `inet_peer`: credit grows by a millisecond each millisecond, up to `mostMs`; a new one has a minute's worth. */
  #spend(peer: number, costMs: number, mostMs: number): boolean {
    const now = this.#clock.nowMs();
    const at = Math.imul(peer, 0x9e3779b1) >>> 22;
    if (this.#peer[at] !== peer) {
      this.#peer[at] = peer;
      this.#tokensMs[at] = 0;
      this.#lastMs[at] = now - NEWCOMER_MS;
    }
    const tokens = Math.min(this.#tokensMs[at]! + (now - this.#lastMs[at]!), mostMs);
    this.#lastMs[at] = now;
    const allowed = tokens >= costMs;
    this.#tokensMs[at] = allowed ? tokens - costMs : tokens;
    return allowed;
  }
}

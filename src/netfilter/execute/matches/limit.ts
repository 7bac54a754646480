/** `-m limit`: `limit_mt`, `net/netfilter/xt_limit.c`: a bucket of credits that fills with time, kept in the kernel's units. */
import type { Packet } from '../../../packet/packet.ts';
import type { Execution } from '../execution.ts';
import type { MatchExtension, MatchOf } from '../extension.ts';
import { HZ, jiffies } from '../jiffies.ts';

/** XT_LIMIT_SCALE: units of `average` per second. */
const SCALE = 10_000;
const U32 = 0xffff_ffff;
/** A day's worth of credits fits into 32 bits: the power of two below that. */
const CREDITS_PER_JIFFY = 1 << (31 - Math.clz32(Math.floor(U32 / (HZ * 60 * 60 * 24))));

/** `user2credits`: whole credits for a time in units of 1/SCALE s. */
export function credits(user: number): number {
  if (user > Math.floor(U32 / (HZ * CREDITS_PER_JIFFY))) return (Math.floor(user / SCALE) * HZ * CREDITS_PER_JIFFY) >>> 0;
  return Math.floor((user * HZ * CREDITS_PER_JIFFY) / SCALE);
}

export class LimitBucket {
  readonly #cost: number;
  readonly #cap: number;
  #credit: number;
  #prev = -1;

  constructor(average: number, burst: number) {
    this.#cost = credits(average);
    this.#cap = credits(Math.imul(average, burst) >>> 0);
    this.#credit = this.#cap;
  }

  /** @param now in jiffies */
  take(now: number): boolean {
    if (this.#prev < 0) this.#prev = now;
    this.#credit = Math.min(this.#cap, this.#credit + (now - this.#prev) * CREDITS_PER_JIFFY);
    this.#prev = now;
    if (this.#credit < this.#cost) return false;
    this.#credit -= this.#cost;
    return true;
  }
}

/** Operand: state. */
export const limitTest = (x: Execution, _p: Packet, code: Int32Array, at: number): boolean =>
  (x.states[code[at + 1]!] as LimitBucket).take(jiffies(x.env.clock));

export const limit: MatchExtension<MatchOf<'limit'>> = {
  tests: [limitTest],
  stateful: true,
  refuse({ average, burst }) {
    const cap = credits(Math.imul(average, burst) >>> 0);
    return burst === 0 || cap < credits(average) ? '-m limit: the rate and the burst together are too large' : undefined;
  },
  emit: (m, out) => out.test(limitTest, false, out.ownState('limit', [m.average, m.burst])),
};

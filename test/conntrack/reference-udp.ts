import type { Outcome } from './reference-packet.ts';

/** UDP: replied, and for how long. */
export class ReferenceUdp {
  entry: { replied: boolean; assured: boolean; until: number; streamFrom: number } | undefined;
  #reversed = false;
  packet(now: number, reply: boolean): Outcome {
    if (this.entry && this.entry.until <= now) this.entry = undefined;
    if (!this.entry) {
      this.#reversed = reply;
      this.entry = { replied: false, assured: false, until: now + 30_000, streamFrom: now + 2000 };
      return { info: 'new', left: 30_000, assured: false, replied: false };
    }
    const e = this.entry;
    const back = reply !== this.#reversed;
    const replied = e.replied;
    let left = 30_000;
    if (replied && now > e.streamFrom) {
      left = 120_000;
      e.assured = true;
    }
    e.until = now + left;
    if (back) e.replied = true;
    return { info: back ? 'established-reply' : replied ? 'established' : 'new', left, assured: e.assured, replied: e.replied };
  }
}

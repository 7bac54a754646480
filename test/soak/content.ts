/** Bytes that both ends know: a piece that was lost, doubled or put in the wrong place does not go unseen. */
const PERIOD = 65_521; // a prime: no power of two repeats with it

const period = Buffer.from(Uint8Array.from({ length: PERIOD }, (_, i) => Math.imul(i, 0x9e3779b1) >>> 24));

/** Bytes [from, to). */
export function content(from: number, to: number): Buffer {
  const out = Buffer.allocUnsafe(to - from);
  for (let at = from; at < to; ) {
    const start = at % PERIOD;
    at += period.copy(out, at - from, start, Math.min(PERIOD, start + to - at));
  }
  return out;
}

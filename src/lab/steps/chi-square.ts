/** The upper tail of the chi-square distribution. Pure. */

const PRECISION = 1e-12;
const MOST_STEPS = 10_000;

/**
 * Probability that chance alone gives `value` or more.
 *
 * @param value   0 or more
 * @param degrees of freedom, a whole number from 1
 * @returns 0..1: the regularized gamma function Q(degrees/2, value/2) (Abramowitz and Stegun 26.4.19), to about 1e-12
 */
export function chiSquareTail(value: number, degrees: number): number {
  const a = degrees / 2;
  const x = value / 2;
  if (x <= 0) return 1;
  const front = Math.exp(a * Math.log(x) - x) / gammaOfHalf(degrees);
  return x < a + 1 ? 1 - front * series(a, x) : front * continuedFraction(a, x);
}

/** Gamma(k/2) for a whole k from 1. */
function gammaOfHalf(k: number): number {
  let gamma = k % 2 === 0 ? 1 : Math.sqrt(Math.PI);
  for (let i = k % 2 === 0 ? 2 : 1; i < k; i += 2) gamma *= i / 2;
  return gamma;
}

/** P(a, x) without its front, where it converges fast: x < a + 1 (6.5.29). */
function series(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let n = 1; n < MOST_STEPS && term > sum * PRECISION; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/** Q(a, x) without its front, for the rest (6.5.31), from the bottom up. */
function continuedFraction(a: number, x: number): number {
  let before = Number.NaN;
  for (let depth = 16; depth < MOST_STEPS; depth *= 2) {
    let tail = 0;
    for (let n = depth; n > 0; n--) tail = (n * (n - a)) / (x + 2 * n + 1 - a - tail);
    const now = 1 / (x + 1 - a - tail);
    if (Math.abs(now - before) <= PRECISION * now) return now;
    before = now;
  }
  return before;
}

/**
 * Which backend took each of many connections, and whether that fits kube-proxy's chain of random rules. Pure.
 *
 * Judged with one false alarm in a million per test, so that an exercise does not fail by chance; shown with the usual 95 %.
 */
import { chiSquareTail } from './chi-square.ts';

/** Of a normal distribution, two-sided: 5 in 100, 1 in a million. */
const Z_SHOWN = 1.959964;
const Z_JUDGED = 4.891638;
const P_JUDGED = 1e-6;

/** Thresholds of `-m statistic --mode random` are 31 bits (`xt_statistic.c`). */
const UNIT = 2 ** 31;

/**
 * Shares of n backends behind rules of 1/n, 1/(n-1), ..., 1/2 and the last without a test, each probability written with ten decimals
 * by kube-proxy and rounded to 31 bits by iptables.
 */
export function cascadeShares(n: number): { stored: number; share: number }[] {
  let left = 1;
  return Array.from({ length: n }, (_, i) => {
    const stored = i === n - 1 ? 1 : Math.round(Number((1 / (n - i)).toFixed(10)) * UNIT) / UNIT;
    const share = left * stored;
    left -= share;
    return { stored, share };
  });
}

export interface Share {
  backend: string;
  flows: number;
  expected: number;
  /** Wilson's interval for 95 %, as shares of 1. */
  low: number;
  high: number;
}

export interface Shares {
  what: string;
  /** Connections sent. */
  sent: number;
  shares: Share[];
  chiSquare: { value: number; degrees: number; p: number };
  /** Neighbours in time with the same backend make a run. `z`: how many standard deviations from what chance gives. */
  runs: { count: number; expected: number; z: number; longest: number };
  /** Index of the backend, by connection in the order in which they were sent; -1 where none answered for it. */
  choices: number[];
}

export function countShares(what: string, backends: readonly string[], choices: readonly number[]): Shares {
  const taken = choices.filter(choice => choice >= 0);
  const n = taken.length;
  const shares = cascadeShares(backends.length).map(({ share }, i) => {
    const flows = taken.filter(choice => choice === i).length;
    const [low, high] = wilson(flows, n, Z_SHOWN);
    return { backend: backends[i]!, flows, expected: share, low, high };
  });
  const value = shares.reduce((sum, s) => sum + (s.flows - n * s.expected) ** 2 / (n * s.expected), 0);
  const degrees = backends.length - 1;
  return {
    what,
    sent: choices.length,
    shares,
    chiSquare: { value, degrees, p: chiSquareTail(value, degrees) },
    runs: countRuns(
      taken,
      shares.map(s => s.flows),
    ),
    choices: [...choices],
  };
}

/** @returns what does not fit, in words; none when all does. */
export function doubts({ sent, shares, chiSquare, runs, choices }: Shares): string[] {
  const wrong: string[] = [];
  const taken = choices.filter(choice => choice >= 0).length;
  if (taken < sent) wrong.push(`${sent - taken} of ${sent} connections reached no backend`);
  if (taken === 0) return wrong;
  for (const s of shares) {
    const [low, high] = wilson(s.flows, taken, Z_JUDGED);
    if (s.expected < low || s.expected > high)
      wrong.push(`${s.backend} took ${percent(s.flows / taken)} of them and not ${percent(s.expected)}`);
  }
  if (chiSquare.p < P_JUDGED) wrong.push(`chi-square ${chiSquare.value.toFixed(1)} with ${chiSquare.degrees} degrees of freedom`);
  if (Math.abs(runs.z) > Z_JUDGED) wrong.push(`${runs.count} runs where independent choice gives ${runs.expected.toFixed(0)}`);
  return wrong;
}

export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** Wilson's score interval for k of n. */
function wilson(k: number, n: number, z: number): [low: number, high: number] {
  if (n === 0) return [0, 1];
  const p = k / n;
  const middle = (p + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  return [middle - half, middle + half];
}

/** Runs test for several kinds (Wald and Wolfowitz; Barton and David 1957): given how many of each, any order is as likely. */
function countRuns(taken: readonly number[], counts: readonly number[]): Shares['runs'] {
  const n = taken.length;
  let count = n === 0 ? 0 : 1;
  let length = count;
  let longest = count;
  for (let i = 1; i < n; i++) {
    length = taken[i] === taken[i - 1] ? length + 1 : 1;
    if (length === 1) count++;
    if (length > longest) longest = length;
  }
  const squares = counts.reduce((sum, c) => sum + c * c, 0);
  const cubes = counts.reduce((sum, c) => sum + c ** 3, 0);
  const expected = n === 0 ? 0 : (n * (n + 1) - squares) / n;
  const variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n ** 3) / (n * n * (n - 1));
  return { count, expected, z: variance > 0 ? (count - expected) / Math.sqrt(variance) : 0, longest };
}

/** Pearson's chi-square test: do counts come from these probabilities, or two rows of counts from the same? */

export interface Fit {
  statistic: number;
  freedom: number;
  /** The chance that a right process gives a statistic as large as this. */
  chance: number;
}

/** Cells of which fewer are expected are counted together: for them the distribution does not hold. */
const LEAST_EXPECTED = 5;

/** @param shares of each cell, 1 together */
export function goodnessOfFit(counts: readonly number[], shares: readonly number[]): Fit {
  const all = sum(counts);
  const cells = merge(counts.map((count, i) => [count, all * shares[i]!]));
  // What is not possible has happened.
  if (counts.some((count, i) => count > 0 && shares[i] === 0)) return { statistic: Infinity, freedom: cells.length - 1, chance: 0 };
  const statistic = sum(cells.map(([count, expected]) => (expected === 0 ? 0 : (count - expected) ** 2 / expected)));
  return result(statistic, cells.length - 1);
}

/** Are both rows drawn alike? */
export function homogeneity(a: readonly number[], b: readonly number[]): Fit {
  const [allA, allB] = [sum(a), sum(b)];
  const smaller = Math.min(allA, allB) / (allA + allB);
  const pairs: [number, number][] = [];
  let open: [number, number] | undefined;
  for (const [i, count] of a.entries()) {
    const pair: [number, number] = open ? [open[0] + count, open[1] + b[i]!] : [count, b[i]!];
    if ((pair[0] + pair[1]) * smaller < LEAST_EXPECTED) open = pair;
    else {
      pairs.push(pair);
      open = undefined;
    }
  }
  if (open && pairs.length > 0) pairs.push([pairs.at(-1)![0] + open[0], pairs.pop()![1] + open[1]]);
  const share = allA / (allA + allB);
  const statistic = sum(
    pairs.map(([x, y]) => {
      const [ex, ey] = [(x + y) * share, (x + y) * (1 - share)];
      return (x - ex) ** 2 / ex + (y - ey) ** 2 / ey;
    }),
  );
  return result(statistic, pairs.length - 1);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
const result = (statistic: number, freedom: number): Fit => ({
  statistic,
  freedom,
  chance: freedom < 1 ? 1 : upperTail(statistic, freedom),
});

function merge(cells: readonly (readonly [count: number, expected: number])[]): [number, number][] {
  const merged: [number, number][] = [];
  let open: [number, number] | undefined;
  for (const [count, expected] of cells) {
    const cell: [number, number] = open ? [open[0] + count, open[1] + expected] : [count, expected];
    if (cell[1] < LEAST_EXPECTED) open = cell;
    else {
      merged.push(cell);
      open = undefined;
    }
  }
  if (open) {
    const last = merged.pop() ?? [0, 0];
    merged.push([last[0] + open[0], last[1] + open[1]]);
  }
  return merged;
}

/** P(X >= x) of chi-square with `freedom` degrees: the regularised incomplete gamma function Q(freedom/2, x/2) (DLMF 8.7.1, 8.9.2). */
export function upperTail(x: number, freedom: number): number {
  if (x <= 0) return 1;
  if (!Number.isFinite(x)) return 0;
  const a = freedom / 2;
  const half = x / 2;
  const front = Math.exp(a * Math.log(half) - half - logGamma(a));
  if (half < a + 1) {
    let term = 1 / a;
    let series = term;
    for (let n = 1; n < 1000 && term > series * 1e-15; n++) {
      term *= half / (a + n);
      series += term;
    }
    return Math.max(0, 1 - front * series);
  }
  // Continued fraction, by Lentz's method.
  let b = half + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let n = 1; n < 1000; n++) {
    const an = -n * (n - a);
    b += 2;
    d = 1 / (an * d + b);
    c = b + an / c;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return front * h;
}

/** Of halves and wholes: by recurrence from 1/2 or 1. */
function logGamma(a: number): number {
  let log = Number.isInteger(a) ? 0 : Math.log(Math.PI) / 2;
  for (let x = Number.isInteger(a) ? 1 : 0.5; x < a; x++) log += Math.log(x);
  return log;
}

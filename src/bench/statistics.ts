/** The few figures that stand for a handful of rounds. Medians: one round in which something else ran must not move them. */

/** @param values at least one */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** (largest - smallest) / median; 0 for a single round. */
export function spread(values: readonly number[]): number {
  const m = median(values);
  return m === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / m;
}

/**
 * The median of the quotients within each round, and not the quotient of the medians: what slowed a whole round down stands above and
 * below the line. Rounds that one of the two lacks are left out; undefined when none is left.
 */
export function medianRatio(over: readonly number[], under: readonly number[]): number | undefined {
  const quotients: number[] = [];
  for (let round = 0; round < Math.min(over.length, under.length); round++)
    if (under[round]! > 0) quotients.push(over[round]! / under[round]!);
  return quotients.length === 0 ? undefined : median(quotients);
}

/**
 * Nearest rank: the smallest value that `share` of all values do not exceed.
 * @param sorted ascending, at least one
 * @param share above 0, at most 1
 */
export const percentile = (sorted: ArrayLike<number>, share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;

/** What a conformance set is: a file of cases from outside, and how one of them is tried. A set is one file in `sets/` and one word in `sets/index.ts`. */

export interface ConformanceCase {
  readonly id: string;
}

/** One JSON file: `cases`, and whatever else its schema says. */
export interface ConformanceFile<C extends ConformanceCase = ConformanceCase> {
  readonly schema: string;
  readonly cases: readonly C[];
}

/** How a case came out. `failed` and `unsupported` say why. */
export type Verdict = { readonly kind: 'passed' } | { readonly kind: 'failed' | 'unsupported'; readonly why: string };

export const passed: Verdict = { kind: 'passed' };
export const failed = (why: string): Verdict => ({ kind: 'failed', why });
/** Not the same as passed: nothing was shown. */
export const unsupported = (why: string): Verdict => ({ kind: 'unsupported', why });

/** Compares and says the difference. */
export const expectSame = (what: string, expected: unknown, got: unknown): Verdict => {
  const [a, b] = [JSON.stringify(expected), JSON.stringify(got)];
  return a === b ? passed : failed(`${what}: expected ${a}, got ${b}`);
};

export interface ConformanceSet {
  /** Path of the file below the directory, without `.json`. */
  readonly name: string;
  check(c: ConformanceCase, file: ConformanceFile): Verdict | Promise<Verdict>;
}

/** Gives `check` the types of its own schema. */
export function defineSet<C extends ConformanceCase, F extends ConformanceFile<C> = ConformanceFile<C>>(
  name: string,
  check: (c: C, file: F) => Verdict | Promise<Verdict>,
): ConformanceSet {
  return { name, check: check as ConformanceSet['check'] };
}

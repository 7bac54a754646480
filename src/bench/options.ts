/** What a run of the bench is asked for, as it travels from the command into the namespaces. */

export interface BenchOptions {
  /** A letter (`a`: all measures of the row) or a measure (`a.tap.1`); empty: all. */
  readonly rows: readonly string[];
  readonly rounds: number;
  /** Shorter windows and fewer planes: a look, not a result. */
  readonly quick: boolean;
  /** Processor profiles of the router go here (`--cpu-prof`); null: none. */
  readonly profile: string | null;
}

export const DEFAULT_ROUNDS = 5;
export const QUICK_ROUNDS = 1;

/**
 * Lines of a long chain, so that one which stands again in the next text is known without being read: kube-proxy writes KUBE-SERVICES with
 * every change, ten thousand lines of which one is new at most.
 */
import type { Chain, Rule } from '../ruleset.ts';

/** Shorter chains are read. */
const LONG = 32;
/** So many lines may be missing at once. */
const AHEAD = 8;

const linesOf = new WeakMap<Chain, readonly string[]>();

/** The lines of one chain while it is written anew. */
export class ChainLines {
  readonly #rules: readonly Rule[];
  readonly #known: readonly string[];
  #at = 0;
  /** Of the rules so far; empty where a line is not to be known again. */
  readonly #lines: string[] = [];

  /** @param before the chain as it was */
  constructor(before: Chain | undefined) {
    this.#rules = before?.rules ?? [];
    this.#known = (before && linesOf.get(before)) ?? [];
  }

  /** @returns the rule of the line `text[from, to)`, when it stood there before, a little further at most */
  take(text: string, from: number, to: number): Rule | undefined {
    const known = this.#known;
    const last = Math.min(this.#at + AHEAD, known.length);
    for (let i = this.#at; i < last; i++) {
      const line = known[i]!;
      if (line.length !== to - from || !text.startsWith(line, from)) continue;
      this.#at = i + 1;
      this.#lines.push(line);
      return this.#rules[i];
    }
    return undefined;
  }

  /** A rule was read. @param line undefined: it is to be read again the next time */
  read(rule: Rule, line: string | undefined): void {
    // A copy: a piece of a text keeps the whole text.
    this.#lines.push(line === undefined || remembers(rule) ? '' : Buffer.from(line).toString());
  }

  /** @param chain what has become of it */
  keep(chain: Chain): void {
    if (chain.rules.length >= LONG && chain.rules.length === this.#lines.length) linesOf.set(chain, this.#lines);
  }
}

/** Has it a count or a bucket of its own, which begins anew when the rule is written anew? */
const remembers = ({ matches }: Rule): boolean => matches.some(m => m.kind === 'limit' || (m.kind === 'statistic' && m.mode === 'nth'));

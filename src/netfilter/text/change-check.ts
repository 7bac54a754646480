/**
 * `table-check.ts` for a table of which a few chains have changed: looks at these, at new jumps and at what can be reached by them. It may
 * be too careful and is never too lenient: whoever hears "not surely" asks the whole table, which also has the words for what is wrong.
 */
import { builtinChains, type Chain, type Rule, type Table } from '../ruleset.ts';
import { changedRules } from './changed-rules.ts';
import { knownSound, misplacedIn, reachedHooks } from './table-check.ts';

/** What is known of the chains of the table before. */
export interface KnownChains {
  /** How many rules jump or go to it. */
  references(chain: string): number;
  /** At least the hooks from which it can be reached: a bit for each of the table's built-in chains. */
  hooks(chain: string): number;
}

/**
 * @param changes names of chains that changed, with what they were; undefined: new
 * @returns hooks of the chains that are reached from more than before; undefined: not surely sound
 */
export function checkChange(
  table: Table,
  changes: ReadonlyMap<string, Chain | undefined>,
  known: KnownChains,
): ReadonlyMap<string, number> | undefined {
  const hooks = new ChangeCheck(table, changes, known).check();
  if (hooks !== undefined) knownSound(table);
  return hooks;
}

class ChangeCheck {
  readonly #table: Table;
  readonly #changes: ReadonlyMap<string, Chain | undefined>;
  readonly #known: KnownChains;
  readonly #hooks = new Map<string, number>();
  /** By chain: it is on the way (1), or all that it leads to was seen (2). */
  readonly #seen = new Map<string, 1 | 2>();

  constructor(table: Table, changes: ReadonlyMap<string, Chain | undefined>, known: KnownChains) {
    this.#table = table;
    this.#changes = changes;
    this.#known = known;
  }

  check(): ReadonlyMap<string, number> | undefined {
    const { chains, name } = this.#table;
    const jumps: [from: string, to: string][] = [];
    const rules: [chain: string, Rule][] = [];
    for (const [chain, before] of this.#changes) {
      const after = chains.get(chain);
      if (after === undefined) {
        if (this.#isUsed(chain)) return undefined;
        continue;
      }
      const { gone, come } = changedRules(before?.rules ?? [], after.rules);
      const known = new Set(gone.map(targetOf));
      for (const rule of come) {
        rules.push([chain, rule]);
        const to = targetOf(rule);
        if (to === undefined || known.has(to)) continue;
        known.add(to);
        const target = chains.get(to);
        if (target === undefined || target.policy !== undefined) return undefined;
        jumps.push([chain, to]);
      }
    }
    if (!this.#endless(jumps)) return undefined;
    const grown = this.#reach(jumps);
    const fits = (chain: string, rule: Rule): boolean => misplacedIn(name, reachedHooks(name, this.#hooksOf(chain)), rule) === undefined;
    if (!rules.every(([chain, rule]) => fits(chain, rule))) return undefined;
    for (const chain of grown) if (!chains.get(chain)!.rules.every(rule => fits(chain, rule))) return undefined;
    return this.#hooks;
  }

  /** Does a rule lead to a chain that is to go? */
  #isUsed(chain: string): boolean {
    let count = this.#known.references(chain);
    for (const [name, before] of this.#changes) {
      for (const rule of before?.rules ?? []) if (targetOf(rule) === chain) count--;
      for (const rule of this.#table.chains.get(name)?.rules ?? []) if (targetOf(rule) === chain) count++;
    }
    return count !== 0;
  }

  /** No loop goes through a new jump. A chain that nothing led to may hold one already, and is looked at as a whole. */
  #endless(jumps: readonly (readonly [string, string])[]): boolean {
    for (const [from, to] of jumps) {
      this.#seen.set(from, 1);
      if (!this.#follow(to)) return false;
      this.#seen.delete(from);
    }
    return true;
  }

  /** Depth first with a stack of its own: chains may be thousands deep. @returns false at a loop */
  #follow(first: string): boolean {
    const { chains } = this.#table;
    const stack: { readonly name: string; readonly rules: readonly Rule[]; at: number }[] = [];
    const enter = (name: string): boolean => {
      const seen = this.#seen.get(name);
      if (seen === undefined) {
        this.#seen.set(name, 1);
        stack.push({ name, rules: chains.get(name)!.rules, at: 0 });
      }
      return seen !== 1;
    };
    if (!enter(first)) return false;
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (top.at === top.rules.length) {
        this.#seen.set(top.name, 2);
        stack.pop();
        continue;
      }
      const to = targetOf(top.rules[top.at++]!);
      if (to === undefined) continue;
      if (!chains.has(to) || !enter(to)) return false;
    }
    return true;
  }

  /** Follows the new jumps. @returns chains that are reached from more hooks than before */
  #reach(jumps: readonly (readonly [string, string])[]): Set<string> {
    const grown = new Set<string>();
    const queue: string[] = [];
    const give = (chain: string, bits: number): void => {
      const has = this.#hooksOf(chain);
      if ((bits & ~has) === 0) return;
      this.#hooks.set(chain, has | bits);
      grown.add(chain);
      queue.push(chain);
    };
    for (const [from, to] of jumps) give(to, this.#hooksOf(from));
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      const bits = this.#hooksOf(name);
      for (const rule of this.#table.chains.get(name)!.rules) {
        const to = targetOf(rule);
        if (to !== undefined) give(to, bits);
      }
    }
    return grown;
  }

  #hooksOf(chain: string): number {
    const bit = (builtinChains[this.#table.name] as readonly string[]).indexOf(chain);
    return bit >= 0 ? 1 << bit : (this.#hooks.get(chain) ?? this.#known.hooks(chain));
  }
}

function targetOf({ target }: Rule): string | undefined {
  return target?.kind === 'jump' || target?.kind === 'goto' ? target.chain : undefined;
}

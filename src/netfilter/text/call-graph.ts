/**
 * Which chains of a table lead where. Chains are numbered and the graph is a few typed arrays: a table may have tens of thousands of chains.
 */
import { builtinChains, type Chain, type Rule, type Table, type Target } from '../ruleset.ts';

export interface CallGraph {
  readonly chains: readonly Chain[];
  readonly numbers: ReadonlyMap<string, number>;
  /** Jumps of chain `i`, in the order of its rules: `to[start[i]]` up to `to[start[i + 1]]`. */
  readonly start: Int32Array;
  readonly to: Int32Array;
}

/** A jump that leads nowhere it may. */
export interface WrongJump {
  readonly chain: string;
  readonly rule: Rule;
  readonly message: string;
}

export function callGraph(table: Table): CallGraph | WrongJump {
  const chains = [...table.chains.values()];
  const numbers = new Map<string, number>();
  let rules = 0;
  for (let i = 0; i < chains.length; i++) {
    numbers.set(chains[i]!.name, i);
    rules += chains[i]!.rules.length;
  }
  const start = new Int32Array(chains.length + 1);
  const to = new Int32Array(rules);
  let jumps = 0;
  // Most jumps say the same as one before, in the same object, or lead to the chain behind the one that was led to last.
  let same: Target | undefined;
  let sameTarget = 0;
  let last = 0;
  for (let i = 0; i < chains.length; i++) {
    const chain = chains[i]!;
    start[i] = jumps;
    for (const rule of chain.rules) {
      const t = rule.target;
      if (t === undefined) continue;
      if (t === same) {
        to[jumps++] = sameTarget;
        continue;
      }
      if (t.kind !== 'jump' && t.kind !== 'goto') continue;
      const next = chains[last + 1];
      if (next?.name === t.chain && next.policy === undefined) {
        to[jumps++] = ++last;
        continue;
      }
      const target = numbers.get(t.chain);
      if (target === undefined) return { chain: chain.name, rule, message: `there is no chain "${t.chain}"` };
      if (chains[target]!.policy !== undefined)
        return { chain: chain.name, rule, message: `"${t.chain}" is built in: rules cannot jump to it` };
      to[jumps++] = target;
      if (target < i) {
        same = t;
        sameTarget = target;
      } else last = target;
    }
  }
  start[chains.length] = jumps;
  return { chains, numbers, start, to: to.subarray(0, jumps) };
}

/** For each chain a bit for each of the table's built-in chains (by `builtinChains`) from which it can be reached. */
export function reachable(table: Table, { chains, numbers, start, to }: CallGraph): Uint8Array {
  const hooks = new Uint8Array(chains.length);
  const queue = new Int32Array(chains.length);
  for (const [i, hook] of builtinChains[table.name].entries()) {
    const bit = 1 << i;
    let length = 1;
    queue[0] = numbers.get(hook)!;
    hooks[queue[0]!]! |= bit;
    for (let at = 0; at < length; at++) {
      const from = queue[at]!;
      for (let e = start[from]!; e < start[from + 1]!; e++) {
        const child = to[e]!;
        if ((hooks[child]! & bit) !== 0) continue;
        hooks[child]! |= bit;
        queue[length++] = child;
      }
    }
  }
  return hooks;
}

/** Numbers of the chains, each with what it calls next to it: a packet's way through them then stays close together in memory. */
export function byCalls({ chains, start, to }: CallGraph): Int32Array {
  const order = new Int32Array(chains.length);
  let length = 0;
  const seen = new Uint8Array(chains.length);
  // A chain waits once for each jump to it at most, and the last that called it is followed first.
  const waiting = new Int32Array(to.length + 1);
  for (let first = 0; first < chains.length; first++) {
    let top = 0;
    waiting[top++] = first;
    while (top > 0) {
      const at = waiting[--top]!;
      if (seen[at] === 1) continue;
      seen[at] = 1;
      order[length++] = at;
      for (let e = start[at + 1]! - 1; e >= start[at]!; e--) if (seen[to[e]!] === 0) waiting[top++] = to[e]!;
    }
  }
  return order;
}

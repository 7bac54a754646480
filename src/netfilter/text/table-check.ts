/**
 * What the kernel looks at when a whole table arrives: jumps that lead somewhere and never in a circle, and extensions only where
 * they work. A rule of a user's chain stands at every hook from which the chain can be reached.
 */
import { matchOf } from '../matches/index.ts';
import { builtinChains, type Rule, type Table, type TableName } from '../ruleset.ts';
import { targetOf } from '../targets/index.ts';
import { type CallGraph, callGraph, reachable } from './call-graph.ts';
import type { Hook, Places } from './extension.ts';
import { printRule, protocolText } from './rule-printer.ts';

export interface TableProblem {
  readonly chain: string;
  readonly rule: Rule;
  readonly message: string;
}

/** Tables with which nothing was wrong: one that was read is compiled next, and nobody changes a table. */
const sound = new WeakSet<Table>();

/** The first thing in the table that the kernel would refuse. */
export function checkTable(table: Table): TableProblem | undefined {
  if (sound.has(table)) return undefined;
  const problem = findProblem(table);
  if (!problem) sound.add(table);
  return problem;
}

/** Somebody else has looked (`change-check.ts`). */
export const knownSound = (table: Table): void => void sound.add(table);

/** @param table is sound. @returns its graph; kept since it was checked, once */
export function graphOf(table: Table): CallGraph {
  const known = graphs.get(table);
  graphs.delete(table);
  return known ?? (callGraph(table) as CallGraph);
}
const graphs = new WeakMap<Table, CallGraph>();

function findProblem(table: Table): TableProblem | undefined {
  const graph = callGraph(table);
  if ('message' in graph) return graph;
  const problem = findLoop(graph) ?? findMisplaced(table, graph, reachable(table, graph));
  if (!problem) graphs.set(table, graph);
  return problem;
}

function findLoop({ chains, start, to }: CallGraph): TableProblem | undefined {
  // Depth first with a stack of its own: chains may be thousands deep. 1 = on the way, 2 = done.
  const state = new Uint8Array(chains.length);
  const stack: number[] = [];
  const next = start.slice();
  for (let first = 0; first < chains.length; first++) {
    // The kernel looks where packets get: a loop that no built-in chain leads to is let be.
    if (chains[first]!.policy === undefined || state[first] !== 0) continue;
    stack.push(first);
    state[first] = 1;
    while (stack.length > 0) {
      const at = stack.at(-1)!;
      if (next[at]! === start[at + 1]!) {
        state[at] = 2;
        stack.pop();
        continue;
      }
      const child = to[next[at]!++]!;
      if (state[child] === 1) {
        const names = [...stack.slice(stack.indexOf(child)), child].map(i => chains[i]!.name);
        const rule = chains[at]!.rules.find(
          r => (r.target?.kind === 'jump' || r.target?.kind === 'goto') && r.target.chain === names.at(-1),
        )!;
        return { chain: chains[at]!.name, rule, message: `the jump to "${names.at(-1)}" makes a loop: ${names.join(' > ')}` };
      }
      if (state[child] === 0) {
        state[child] = 1;
        stack.push(child);
      }
    }
  }
  return undefined;
}

function findMisplaced(table: Table, { chains }: CallGraph, hooks: Uint8Array): TableProblem | undefined {
  for (let i = 0; i < chains.length; i++) {
    const chain = chains[i]!;
    const reached = reachedHooks(table.name, hooks[i]!);
    for (const rule of chain.rules) {
      const message = misplacedIn(table.name, reached, rule);
      if (message) return { chain: chain.name, rule, message };
    }
  }
  return undefined;
}

/** @param bits as in `hooksOf` */
export const reachedHooks = (table: TableName, bits: number): readonly Hook[] => builtinChains[table].filter((_, bit) => bits & (1 << bit));

/** Why the rule cannot stand in this table, in a chain that is reached from these hooks. */
export function misplacedIn(table: TableName, reached: readonly Hook[], rule: Rule): string | undefined {
  for (const match of rule.matches) {
    const { places, name } = matchOf(match);
    const message = places && misplaced('match', name, typeof places === 'function' ? places(match) : places, table, reached, rule);
    if (message) return message;
  }
  const t = rule.target;
  if (t === undefined || t.kind === 'jump' || t.kind === 'goto') return undefined;
  const { places, name } = targetOf(t);
  return places && misplaced('target', name, typeof places === 'function' ? places(t) : places, table, reached, rule);
}

function misplaced(side: string, name: string, places: Places, table: string, reached: readonly Hook[], rule: Rule): string | undefined {
  const { tables, hooks, protocols } = places;
  if (tables && !tables.includes(table)) return `${side} ${name} only works in table ${tables.join(', ')}`;
  if (protocols && (rule.protocol === undefined || rule.protocol.not || !protocols.includes(rule.protocol.number)))
    return `${side} ${name} wants -p ${protocols.map(protocolText).join(', ')}`;
  const missing = places.wants?.(rule);
  if (missing) return `${side} ${name} wants ${missing}`;
  const bad = hooks && reached.find(hook => !hooks.includes(hook));
  return bad && hooks ? `${side} ${name} does not work in ${bad}, only in ${hooks.join(', ')}` : undefined;
}

export const describeProblem = (p: TableProblem): string => `${p.message} (-A ${p.chain}${printRule(p.rule)})`;

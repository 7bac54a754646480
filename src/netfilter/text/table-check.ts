/**
 * What the kernel looks at when a whole table arrives: jumps that lead somewhere and never in a circle, and extensions only where
 * they work. A rule of a user's chain stands at every hook from which the chain can be reached.
 */
import { matchOf } from '../matches/index.ts';
import { builtinChains, type Rule, type Table } from '../ruleset.ts';
import { targetOf } from '../targets/index.ts';
import type { Hook, Places } from './extension.ts';
import { printRule, protocolText } from './rule-printer.ts';

export interface TableProblem {
  readonly chain: string;
  readonly rule: Rule;
  readonly message: string;
}

/** The first thing in the table that the kernel would refuse. */
export function checkTable(table: Table): TableProblem | undefined {
  const jumps = new Map<string, Set<string>>();
  for (const chain of table.chains.values()) {
    for (const rule of chain.rules) {
      const t = rule.target;
      if (t?.kind !== 'jump' && t?.kind !== 'goto') continue;
      const to = table.chains.get(t.chain);
      const message =
        to === undefined
          ? `there is no chain "${t.chain}"`
          : to.policy !== undefined
            ? `"${t.chain}" is built in: rules cannot jump to it`
            : undefined;
      if (message !== undefined) return { chain: chain.name, rule, message };
      const set = jumps.get(chain.name);
      if (set) set.add(t.chain);
      else jumps.set(chain.name, new Set([t.chain]));
    }
  }
  return findLoop(table, jumps) ?? findMisplaced(table, hooksOf(table, jumps));
}

function findLoop(table: Table, jumps: ReadonlyMap<string, ReadonlySet<string>>): TableProblem | undefined {
  const done = new Set<string>();
  // Depth first with a stack of its own: chains may be thousands deep.
  for (const start of jumps.keys()) {
    if (done.has(start)) continue;
    const path = new Set<string>([start]);
    const stack = [{ name: start, next: [...(jumps.get(start) ?? [])] }];
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const to = top.next.pop();
      if (to === undefined) {
        path.delete(top.name);
        done.add(top.name);
        stack.pop();
      } else if (path.has(to)) {
        const rule = table.chains.get(top.name)!.rules.find(r => (r.target as { chain?: string } | undefined)?.chain === to)!;
        return { chain: top.name, rule, message: `the jump to "${to}" makes a loop: ${[...path, to].join(' > ')}` };
      } else if (!done.has(to)) {
        path.add(to);
        stack.push({ name: to, next: [...(jumps.get(to) ?? [])] });
      }
    }
  }
  return undefined;
}

/** The hooks from which each chain can be reached. */
function hooksOf(table: Table, jumps: ReadonlyMap<string, ReadonlySet<string>>): Map<string, Set<Hook>> {
  const hooks = new Map<string, Set<Hook>>();
  for (const hook of builtinChains[table.name]) {
    const queue: string[] = [hook];
    const seen = new Set(queue);
    for (const name of queue) {
      const set = hooks.get(name);
      if (set) set.add(hook);
      else hooks.set(name, new Set([hook]));
      for (const to of jumps.get(name) ?? []) if (!seen.has(to)) queue.push(...(seen.add(to) && [to]));
    }
  }
  return hooks;
}

function findMisplaced(table: Table, hooks: ReadonlyMap<string, ReadonlySet<Hook>>): TableProblem | undefined {
  for (const chain of table.chains.values()) {
    const reached = hooks.get(chain.name);
    for (const rule of chain.rules) {
      for (const match of rule.matches) {
        const extension = matchOf(match);
        const message = extension.places && misplaced(`match ${extension.name}`, extension.places(match), table.name, reached, rule);
        if (message) return { chain: chain.name, rule, message };
      }
      const t = rule.target;
      if (t === undefined || t.kind === 'jump' || t.kind === 'goto') continue;
      const extension = targetOf(t);
      const message = extension.places && misplaced(`target ${extension.name}`, extension.places(t), table.name, reached, rule);
      if (message) return { chain: chain.name, rule, message };
    }
  }
  return undefined;
}

function misplaced(what: string, places: Places, table: string, reached: ReadonlySet<Hook> | undefined, rule: Rule): string | undefined {
  const { tables, hooks, protocols } = places;
  if (tables && !tables.includes(table)) return `${what} only works in table ${tables.join(', ')}`;
  if (protocols && (rule.protocol === undefined || rule.protocol.not || !protocols.includes(rule.protocol.number)))
    return `${what} wants -p ${protocols.map(protocolText).join(', ')}`;
  if (hooks && reached)
    for (const hook of reached) if (!hooks.includes(hook)) return `${what} does not work in ${hook}, only in ${hooks.join(', ')}`;
  return undefined;
}

export const describeProblem = (p: TableProblem): string => `${p.message} (-A ${p.chain}${printRule(p.rule)})`;

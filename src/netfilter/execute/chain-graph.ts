/**
 * Which chains call which: from which hooks each is reached, how deep the calls go, and that none comes back to itself
 * (`mark_source_chains`, `net/ipv4/netfilter/ip_tables.c`). A loop that no packet can reach is let be, as by the kernel.
 */
import { LabError } from '../../base/errors.ts';
import { hookNames } from '../../packet/verdict.ts';
import type { Chain, Table } from '../ruleset.ts';

export interface ChainGraph {
  /** Bit per hook. Absent: no packet gets there. */
  readonly hooks: ReadonlyMap<string, number>;
  /** Return addresses that the deepest call needs. */
  readonly depth: number;
}

interface Edge {
  readonly chain: string;
  readonly returns: boolean;
}

/** @throws LabError RULES for a loop, or a jump to a chain that is not there. */
export function chainGraph(table: Table): ChainGraph {
  const edges = new Map<string, readonly Edge[]>();
  for (const chain of table.chains.values()) edges.set(chain.name, calls(table, chain));
  const hooks = new Map<string, number>();
  const depths = new Map<string, number>();
  let depth = 0;
  for (const [hook, name] of hookNames.entries()) {
    if (!table.chains.get(name)?.policy) continue;
    mark(edges, hooks, name, 1 << hook);
    depth = Math.max(depth, depthOf(edges, depths, table, name, new Set()));
  }
  return { hooks, depth };
}

function calls(table: Table, chain: Chain): readonly Edge[] {
  const edges: Edge[] = [];
  for (const { target, line } of chain.rules) {
    if (target?.kind !== 'jump' && target?.kind !== 'goto') continue;
    const callee = table.chains.get(target.chain);
    const where = line > 0 ? `line ${line}: ` : '';
    if (!callee)
      throw new LabError('RULES', `${where}chain ${chain.name} of table ${table.name} calls ${target.chain}, which does not exist`);
    if (callee.policy)
      throw new LabError('RULES', `${where}chain ${chain.name} of table ${table.name} calls the built-in chain ${target.chain}`);
    edges.push({ chain: target.chain, returns: target.kind === 'jump' });
  }
  return edges;
}

function mark(edges: ReadonlyMap<string, readonly Edge[]>, hooks: Map<string, number>, first: string, bit: number): void {
  const waiting = [first];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const bits = hooks.get(name) ?? 0;
    if ((bits & bit) !== 0) continue;
    hooks.set(name, bits | bit);
    for (const edge of edges.get(name)!) waiting.push(edge.chain);
  }
}

function depthOf(
  edges: ReadonlyMap<string, readonly Edge[]>,
  depths: Map<string, number>,
  table: Table,
  name: string,
  path: Set<string>,
): number {
  const known = depths.get(name);
  if (known !== undefined) return known;
  if (path.has(name)) {
    const loop = [...path].slice([...path].indexOf(name));
    throw new LabError('RULES', `chains of table ${table.name} call each other in a loop: ${[...loop, name].join(' -> ')}`);
  }
  path.add(name);
  let depth = 0;
  for (const edge of edges.get(name)!) {
    depth = Math.max(depth, depthOf(edges, depths, table, edge.chain, path) + (edge.returns ? 1 : 0));
  }
  path.delete(name);
  depths.set(name, depth);
  return depth;
}

/**
 * Services and endpoints to what iptables-restore is given (kubernetes `pkg/proxy/iptables/proxier.go`, syncProxyRules). Compiling a port
 * is pure, so the rules of a port that has not changed are kept from the sync before.
 */
import type { EndpointInfo, EndpointsMap } from '../endpoint-slices.ts';
import type { ServicePortMap } from '../service-map.ts';
import type { ServicePortInfo } from '../service-port.ts';
import type { CompileEnvironment } from './config.ts';
import { Chain, isServiceChain } from './names.ts';
import type { Restore } from './restore.ts';
import type { ProxyRule } from './rule.ts';
import { type ServicePortRules, servicePortRules } from './service-rules.ts';
import { forwardRules, localnetRules, nodePortJumps, postroutingRules } from './standing-rules.ts';

/** From here on kube-proxy leaves out comments, and looks for chains to delete only now and then. */
export const LARGE_CLUSTER_ENDPOINTS = 1000;

export const isLargeCluster = (services: ServicePortMap, endpoints: EndpointsMap): boolean => {
  let total = 0;
  for (const key of services.keys()) total += endpoints.get(key)?.length ?? 0;
  return total > LARGE_CLUSTER_ENDPOINTS;
};

export interface CompileInput {
  readonly services: ServicePortMap;
  readonly endpoints: EndpointsMap;
  readonly env: CompileEnvironment;
  /** `namespace/name`: chains of other Services are left out; undefined: every Service is written. */
  readonly changed: ReadonlySet<string> | undefined;
  /** Chains that stand in table nat; undefined: nothing is deleted this time. */
  readonly standing: Iterable<string> | undefined;
  readonly log: (line: string) => void;
}

export interface Compiled {
  readonly restore: Restore;
  /** Rules of Services that were left out, because they stand already. */
  readonly skipped: number;
  /** Services with a Local policy, endpoints in the cluster, and none here. */
  readonly noLocalInternal: number;
  readonly noLocalExternal: number;
}

const FILTER_CHAINS = [Chain.Services, Chain.ExternalServices, Chain.Forward, Chain.NodePorts, Chain.ProxyFirewall];
const NAT_CHAINS = [Chain.Services, Chain.NodePorts, Chain.Postrouting, Chain.MarkMasq];

interface Kept {
  readonly port: ServicePortInfo;
  readonly endpoints: readonly EndpointInfo[];
  readonly env: CompileEnvironment;
  readonly rules: ServicePortRules;
}

const NO_ENDPOINTS: readonly EndpointInfo[] = [];

export class RuleCompiler {
  readonly #kept = new Map<string, Kept>();
  #order: string[] | undefined;

  /** Ports came or went: their order is looked at again. */
  servicesChanged(): void {
    this.#order = undefined;
  }

  compile({ services, endpoints, env, changed, standing, log }: CompileInput): Compiled {
    const localnet = localnetRules(env);
    const filterChains: string[] = [...FILTER_CHAINS];
    if (localnet.length > 0) filterChains.push(Chain.Firewall);
    const filter: ProxyRule[] = [...localnet];
    const natChains: string[] = [...NAT_CHAINS];
    const nat: ProxyRule[] = postroutingRules(env);
    const active = standing === undefined ? undefined : new Set<string>();
    let [skipped, noLocalInternal, noLocalExternal] = [0, 0, 0];
    for (const { port, rules } of this.#ports(services, endpoints, env)) {
      append(filter, rules.filter);
      append(nat, rules.entry);
      if (rules.noLocalInternal) noLocalInternal++;
      if (rules.noLocalExternal) noLocalExternal++;
      if (active !== undefined) for (const chain of rules.chains) active.add(chain);
      if (changed === undefined || changed.has(port.service)) {
        append(natChains, rules.chains);
        append(nat, rules.rules);
      } else skipped += rules.rules.length;
    }
    append(filter, forwardRules(env));
    const deleted = active === undefined ? [] : [...standing!].filter(chain => isServiceChain(chain) && !active.has(chain)).sort();
    const restore: Restore = {
      filter: { table: 'filter', chains: filterChains, rules: filter, deleted: [], tail: [] },
      nat: { table: 'nat', chains: natChains, rules: nat, deleted, tail: nodePortJumps(env, log) },
    };
    return { restore, skipped, noLocalInternal, noLocalExternal };
  }

  /** In order of names, so that the same objects give the same text. */
  *#ports(services: ServicePortMap, endpoints: EndpointsMap, env: CompileEnvironment): Generator<Kept> {
    if (this.#order === undefined) {
      this.#order = [...services.keys()].sort();
      for (const key of this.#kept.keys()) if (!services.has(key)) this.#kept.delete(key);
    }
    for (const key of this.#order) {
      const port = services.get(key)!;
      const list = endpoints.get(key) ?? NO_ENDPOINTS;
      let entry = this.#kept.get(key);
      if (entry?.port !== port || entry.endpoints !== list || entry.env !== env) {
        entry = { port, endpoints: list, env, rules: servicePortRules(port, list, env) };
        this.#kept.set(key, entry);
      }
      yield entry;
    }
  }
}

/** `push(...items)` would put each item on the stack. */
function append<T>(to: T[], items: readonly T[]): void {
  for (const item of items) to.push(item);
}

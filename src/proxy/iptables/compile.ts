/**
 * Services and endpoints to what iptables-restore is given (kubernetes `pkg/proxy/iptables/proxier.go`, syncProxyRules). Compiling a port
 * is pure, so the rules of a port that has not changed are kept from the sync before, and only the changed ones are looked at: a sync of
 * one endpoint then puts together what is there.
 */
import type { EndpointInfo, EndpointsMap } from '../endpoint-slices.ts';
import type { ServicePortMap } from '../service-map.ts';
import type { ServicePortInfo } from '../service-port.ts';
import type { CompileEnvironment } from './config.ts';
import { Chain, isServiceChain } from './names.ts';
import type { Restore } from './restore.ts';
import type { ProxyRule } from './rule.ts';
import { originText, ruleText } from './rule-text.ts';
import { type ServicePortRules, servicePortRules } from './service-rules.ts';
import { forwardRules, localnetRules, nodePortJumps, postroutingRules } from './standing-rules.ts';

/** From here on kube-proxy leaves out comments, and looks for chains to delete only now and then. */
export const LARGE_CLUSTER_ENDPOINTS = 1000;

export const isLargeCluster = (services: ServicePortMap, endpoints: EndpointsMap): boolean => {
  let total = 0;
  for (const key of services.keys()) {
    total += endpoints.get(key)?.length ?? 0;
    if (total > LARGE_CLUSTER_ENDPOINTS) return true;
  }
  return false;
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
  readonly key: string;
  port: ServicePortInfo;
  endpoints: readonly EndpointInfo[];
  env: CompileEnvironment;
  rules: ServicePortRules;
}

/** Rules that follow from the environment alone: the same objects each time, so that who keeps rules sees that they stayed. */
interface Standing {
  readonly env: CompileEnvironment;
  readonly localnet: readonly ProxyRule[];
  readonly postrouting: readonly ProxyRule[];
  readonly forward: readonly ProxyRule[];
  readonly nodePorts: readonly ProxyRule[];
}

const NO_ENDPOINTS: readonly EndpointInfo[] = [];

export class RuleCompiler {
  /** In order of their names, so that the same objects give the same text. */
  #ports: Kept[] = [];
  #byService = new Map<string, Kept[]>();
  #ordered = false;
  #standing: Standing | undefined;

  /** Ports came or went: their order is looked at again. */
  servicesChanged(): void {
    this.#ordered = false;
  }

  compile({ services, endpoints, env, changed, standing, log }: CompileInput): Compiled {
    const always = this.#standingRules(env, log);
    this.#refresh(services, endpoints, env, changed);
    const filterChains: string[] = [...FILTER_CHAINS];
    if (always.localnet.length > 0) filterChains.push(Chain.Firewall);
    const filter: ProxyRule[] = [...always.localnet];
    const natChains: string[] = [...NAT_CHAINS];
    const nat: ProxyRule[] = [...always.postrouting];
    const active = standing === undefined ? undefined : new Set<string>();
    let [skipped, noLocalInternal, noLocalExternal] = [0, 0, 0];
    for (const { port, rules } of this.#ports) {
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
    append(filter, always.forward);
    const deleted = active === undefined ? [] : [...standing!].filter(chain => isServiceChain(chain) && !active.has(chain)).sort();
    const restore: Restore = {
      filter: { table: 'filter', chains: filterChains, rules: filter, deleted: [], tail: [] },
      nat: { table: 'nat', chains: natChains, rules: nat, deleted, tail: always.nodePorts },
    };
    return { restore, skipped, noLocalInternal, noLocalExternal };
  }

  #standingRules(env: CompileEnvironment, log: (line: string) => void): Standing {
    if (this.#standing?.env !== env) {
      this.#standing = {
        env,
        localnet: localnetRules(env),
        postrouting: postroutingRules(env),
        forward: forwardRules(env),
        nodePorts: nodePortJumps(env, log),
      };
    }
    return this.#standing;
  }

  /** Compiles the ports that are not what they were. */
  #refresh(services: ServicePortMap, endpoints: EndpointsMap, env: CompileEnvironment, changed: ReadonlySet<string> | undefined): void {
    const known = new Map<string, Kept>();
    if (!this.#ordered) {
      for (const kept of this.#ports) known.set(kept.key, kept);
      this.#ports = [];
      this.#byService = new Map();
      for (const key of [...services.keys()].sort()) {
        const port = services.get(key)!;
        const list = endpoints.get(key) ?? NO_ENDPOINTS;
        const kept = known.get(key) ?? { key, port, endpoints: list, env, rules: servicePortRules(port, list, env) };
        this.#ports.push(kept);
        const others = this.#byService.get(port.service);
        if (others === undefined) this.#byService.set(port.service, [kept]);
        else others.push(kept);
      }
      this.#ordered = true;
    }
    const looked =
      changed === undefined || this.#ports[0]?.env !== env ? this.#ports : [...changed].flatMap(s => this.#byService.get(s) ?? []);
    for (const kept of looked) {
      const port = services.get(kept.key)!;
      const list = endpoints.get(kept.key) ?? NO_ENDPOINTS;
      if (kept.port === port && kept.endpoints === list && kept.env === env) continue;
      kept.port = port;
      kept.endpoints = list;
      kept.env = env;
      kept.rules = withSame(kept.rules, servicePortRules(port, list, env));
    }
  }
}

/** Rules in chains that all Services share mostly say the same after a change: they stay the same objects, and the chain is the same. */
function withSame(before: ServicePortRules, rules: ServicePortRules): ServicePortRules {
  const same = (a: readonly ProxyRule[], b: readonly ProxyRule[]): boolean =>
    a.length === b.length && a.every((rule, i) => lineAndOrigin(rule) === lineAndOrigin(b[i]!));
  return {
    ...rules,
    filter: same(before.filter, rules.filter) ? before.filter : rules.filter,
    entry: same(before.entry, rules.entry) ? before.entry : rules.entry,
  };
}

const lineAndOrigin = (rule: ProxyRule): string => `${ruleText(rule)} # ${originText(rule.origin)}`;

/** `push(...items)` would put each item on the stack. */
function append<T>(to: T[], items: readonly T[]): void {
  for (const item of items) to.push(item);
}

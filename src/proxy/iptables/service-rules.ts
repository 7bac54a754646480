/**
 * The rules of one port of a Service (kubernetes `pkg/proxy/iptables/proxier.go`, syncProxyRules). Pure: the same port, endpoints and
 * environment give the same rules in the same order.
 */
import { inNetwork } from '../../base/ip.ts';
import { chooseEndpoints, type EndpointChoice } from '../endpoint-choice.ts';
import type { EndpointChain, EndpointInfo } from '../endpoint-slices.ts';
import { externallyAccessible, type FieldAddress, type ServicePortInfo } from '../service-port.ts';
import { chainWithHash, endpointChain, serviceHash } from './chain-names.ts';
import type { CompileEnvironment } from './config.ts';
import { Chain, Counter } from './names.ts';
import type { RuleTarget } from './rule.ts';
import {
  comment,
  destination,
  dport,
  fromLocal,
  jump,
  nfacct,
  type Origin,
  type Part,
  type ProxyRule,
  protocol,
  proxyRule,
  share,
  source,
  toLocal,
} from './rule.ts';

export interface ServicePortRules {
  /** Of table filter, in KUBE-SERVICES, KUBE-EXTERNAL-SERVICES, KUBE-NODEPORTS, KUBE-PROXY-FIREWALL. */
  readonly filter: readonly ProxyRule[];
  /** Of table nat, in KUBE-SERVICES and KUBE-NODEPORTS: they lead to the chains below. */
  readonly entry: readonly ProxyRule[];
  /** Chains of its own in table nat, and their rules. */
  readonly chains: readonly string[];
  readonly rules: readonly ProxyRule[];
  /** A Local policy, endpoints in the cluster, and none on this node. */
  readonly noLocalInternal: boolean;
  readonly noLocalExternal: boolean;
}

/** What all the steps need to know of the port. */
interface Plan {
  readonly port: ServicePortInfo;
  readonly env: CompileEnvironment;
  readonly choice: EndpointChoice;
  readonly protocol: Part;
  readonly hasInternal: boolean;
  readonly hasExternal: boolean;
  readonly usesFirewall: boolean;
  readonly svc: string;
  readonly svl: string;
  readonly ext: string;
  readonly fw: string;
}

export function servicePortRules(port: ServicePortInfo, endpoints: readonly EndpointInfo[], env: CompileEnvironment): ServicePortRules {
  const plan = planOf(port, chooseEndpoints(endpoints, port, env.topology), env);
  const { choice, hasInternal, hasExternal } = plan;
  const chains: string[] = [];
  const rules: ProxyRule[] = [];
  if (hasInternal) masqueradeInternal(plan, rules);
  if (choice.hasAny && externallyAccessible(port)) externalChain(plan, chains, rules);
  if (plan.usesFirewall) firewallChain(plan, chains, rules);
  balance(plan, plan.svc, choice.cluster, chains, rules);
  balance(plan, plan.svl, choice.local, chains, rules);
  for (const endpoint of choice.all) endpointRules(plan, endpoint, chains, rules);
  return {
    filter: filterRules(plan),
    entry: choice.hasAny ? entryRules(plan) : [],
    chains,
    rules,
    noLocalInternal: choice.hasAny && !hasInternal,
    noLocalExternal: choice.hasAny && !hasExternal,
  };
}

function planOf(port: ServicePortInfo, choice: EndpointChoice, env: CompileEnvironment): Plan {
  const { hasAny } = choice;
  const hasLocal = (choice.local?.length ?? 0) > 0;
  const hash = serviceHash(port.name, port.protocol);
  return {
    port,
    env,
    choice,
    protocol: protocol(port.protocol),
    hasInternal: hasAny && (!port.internalPolicyLocal || hasLocal),
    hasExternal: hasAny && (!port.externalPolicyLocal || hasLocal),
    usesFirewall: hasAny && port.loadBalancerVIPs.length > 0 && port.sourceRanges.length > 0,
    svc: chainWithHash('SVC', hash),
    svl: chainWithHash('SVL', hash),
    ext: chainWithHash('EXT', hash),
    fw: chainWithHash('FW', hash),
  };
}

const originOf = (port: ServicePortInfo, field: string): Origin => ({ object: `Service ${port.service}`, field });

/** `-d ADDRESS --dport PORT`, behind a comment. */
const toPort = ({ protocol, port }: Plan, words: string, address: string): Part[] => [
  comment(words),
  protocol,
  destination(address),
  dport(port.port),
];

function entryRules(plan: Plan): ProxyRule[] {
  const { port, env, ext } = plan;
  const rules: ProxyRule[] = [];
  const to = (words: string, { text, field }: FieldAddress, chain: string): void => {
    const parts = toPort(plan, `${port.name} ${words}`, text);
    rules.push(proxyRule(Chain.Services, parts, jump(chain), originOf(port, field)));
  };
  if (plan.hasInternal) to('cluster IP', { text: port.clusterIP, field: 'spec.clusterIP' }, port.internalPolicyLocal ? plan.svl : plan.svc);
  for (const address of port.externalIPs) to('external IP', address, ext);
  for (const address of port.loadBalancerVIPs) to('loadbalancer IP', address, plan.usesFirewall ? plan.fw : ext);
  if (port.nodePort === 0) return rules;
  const named = [comment(port.name), plan.protocol];
  const origin = originOf(port, `${port.field}.nodePort`);
  const counted = env.localhost && env.family === 'IPv4' && env.dialect.countsLocalhost && env.counters.has(Counter.localhostNodePorts);
  if (counted) {
    const parts = [...named, destination('127.0.0.0/8'), dport(port.nodePort), nfacct(Counter.localhostNodePorts)];
    rules.push(proxyRule(Chain.NodePorts, parts, jump(ext), origin));
  }
  rules.push(proxyRule(Chain.NodePorts, [...named, dport(port.nodePort)], jump(ext), origin));
  return rules;
}

/** What has no endpoint is refused; what has none on this node, where policy Local asks for one, is dropped. */
function filterRules(plan: Plan): ProxyRule[] {
  const { port, choice, hasInternal, hasExternal } = plan;
  const refusal: RuleTarget = { kind: choice.hasAny ? 'DROP' : 'REJECT' };
  const why = `${port.name} has no ${choice.hasAny ? 'local ' : ''}endpoints`;
  const rules: ProxyRule[] = [];
  const refuse = (chain: string, { text, field }: FieldAddress): void => {
    rules.push(proxyRule(chain, toPort(plan, why, text), refusal, originOf(port, field)));
  };
  if (!hasInternal) refuse(Chain.Services, { text: port.clusterIP, field: 'spec.clusterIP' });
  if (!hasExternal) for (const address of port.externalIPs) refuse(Chain.ExternalServices, address);
  if (plan.usesFirewall) for (const address of port.loadBalancerVIPs) rules.push(notAccepted(plan, address));
  if (!hasExternal) {
    for (const address of port.loadBalancerVIPs) refuse(Chain.ExternalServices, address);
    if (port.nodePort !== 0) {
      const parts = [comment(why), toLocal, plan.protocol, dport(port.nodePort)];
      rules.push(proxyRule(Chain.ExternalServices, parts, refusal, originOf(port, `${port.field}.nodePort`)));
    }
  }
  if (port.healthCheckNodePort !== 0) {
    const parts = [comment(`${port.name} health check node port`), protocol('TCP'), dport(port.healthCheckNodePort)];
    rules.push(proxyRule(Chain.NodePorts, parts, { kind: 'ACCEPT' }, originOf(port, 'spec.healthCheckNodePort')));
  }
  return rules;
}

function notAccepted(plan: Plan, address: FieldAddress): ProxyRule {
  const { port, fw } = plan;
  const parts = toPort(plan, `${port.name} traffic not accepted by ${fw}`, address.text);
  return proxyRule(Chain.ProxyFirewall, parts, { kind: 'DROP' }, originOf(port, 'spec.loadBalancerSourceRanges'));
}

/** Who is not a pod comes from outside: the answer must come back by this node. */
function masqueradeInternal(plan: Plan, rules: ProxyRule[]): void {
  const { port, env } = plan;
  const outside = env.masqueradeAll ? [] : env.ifNotLocal === undefined ? undefined : [env.ifNotLocal];
  if (outside === undefined) return;
  const parts = [...toPort(plan, `${port.name} cluster IP`, port.clusterIP), ...outside];
  const chain = port.internalPolicyLocal ? plan.svl : plan.svc;
  rules.push(proxyRule(chain, parts, toMarkMasq, originOf(port, 'spec.clusterIP')));
}

/** Where everything goes that came by another address than the cluster IP. */
function externalChain(plan: Plan, chains: string[], rules: ProxyRule[]): void {
  const { port, env, ext: chain, svc } = plan;
  const origin = originOf(port, 'spec.externalTrafficPolicy');
  const what = `${port.name} external destinations`;
  chains.push(chain);
  const add = (parts: Part[], to: string): void => void rules.push(proxyRule(chain, parts, jump(to), origin));
  if (!port.externalPolicyLocal) {
    add([comment(`masquerade traffic for ${what}`)], Chain.MarkMasq);
  } else {
    if (env.ifLocal !== undefined) add([comment(`pod traffic for ${what}`), env.ifLocal], svc);
    // The address of the load balancer may be one of the node's own, and would be its source address.
    add([comment(`masquerade LOCAL traffic for ${what}`), fromLocal], Chain.MarkMasq);
    add([comment(`route LOCAL traffic for ${what}`), fromLocal], svc);
  }
  if (plan.hasExternal) add([], port.externalPolicyLocal ? plan.svl : svc);
}

/** Source ranges of a load balancer. What passes none of them keeps its destination and is dropped in table filter. */
function firewallChain(plan: Plan, chains: string[], rules: ProxyRule[]): void {
  const { port, env, fw: chain, ext } = plan;
  const named = comment(`${port.name} loadbalancer IP`);
  chains.push(chain);
  const allow = (network: string, field: string): void =>
    void rules.push(proxyRule(chain, [named, source(network)], jump(ext), originOf(port, field)));
  let fromNode = false;
  for (const range of port.sourceRanges) {
    allow(range.text, range.field);
    fromNode ||= env.nodeIp !== undefined && inNetwork(env.nodeIp, range);
  }
  // A node that has the address itself sends from it: it loops back with that source.
  if (fromNode) for (const { text, field } of port.loadBalancerVIPs) allow(text, field);
  const words = `other traffic to ${port.name} will be dropped by ${Chain.ProxyFirewall}`;
  rules.push(proxyRule(chain, [comment(words)], undefined, originOf(port, 'spec.loadBalancerSourceRanges')));
}

/** Clients that are remembered go where they went before; then each rule takes its share of what the rules above let through. */
function balance(
  { port, env }: Plan,
  chain: string,
  endpoints: readonly EndpointInfo[] | undefined,
  chains: string[],
  rules: ProxyRule[],
): void {
  if (endpoints === undefined || endpoints.length === 0) return;
  chains.push(chain);
  const named = (e: EndpointInfo): Part[] => (env.large ? [] : [comment(`${port.name} -> ${e.text}`)]);
  if (port.clientIpAffinity) {
    const origin = originOf(port, 'spec.sessionAffinity');
    for (const e of endpoints) {
      const { name: list, entry } = chainOf(port, e);
      rules.push(proxyRule(chain, [...named(e), { kind: 'remembered', list, seconds: port.stickySeconds }], entry, origin));
    }
  }
  for (let i = 0; i < endpoints.length; i++) {
    const e = endpoints[i]!;
    const left = endpoints.length - i;
    const { entry, origin } = chainOf(port, e);
    const parts = named(e);
    if (left > 1) parts.push(share(left));
    rules.push(proxyRule(chain, parts, entry, origin));
  }
}

function endpointRules({ port, env, protocol }: Plan, endpoint: EndpointInfo, chains: string[], rules: ProxyRule[]): void {
  const { name: chain, origin } = chainOf(port, endpoint);
  const named = env.large ? [] : [comment(port.name)];
  chains.push(chain);
  // A pod that reaches itself must not see its own address as the client's.
  rules.push(proxyRule(chain, [...named, source(endpoint.ip)], toMarkMasq, origin));
  const remember: Part[] = port.clientIpAffinity ? [{ kind: 'remember', list: chain }] : [];
  rules.push(proxyRule(chain, [...named, ...remember, protocol], { kind: 'DNAT', to: endpoint.text }, origin));
}

const toMarkMasq = jump(Chain.MarkMasq);

/** An endpoint belongs to one port of one Service, and a hash is dear: its chain is named once. */
function chainOf(port: ServicePortInfo, endpoint: EndpointInfo): EndpointChain {
  endpoint.chain ??= newChain(port, endpoint);
  return endpoint.chain;
}

function newChain(port: ServicePortInfo, endpoint: EndpointInfo): EndpointChain {
  const name = endpointChain(port.name, port.protocol, endpoint.text);
  return { name, entry: jump(name), origin: new EndpointOrigin(port.service, endpoint) };
}

/** Its texts are made when somebody asks: there are as many as endpoints. */
class EndpointOrigin implements Origin {
  readonly #service: string;
  readonly #endpoint: EndpointInfo;
  #object: string | undefined;
  #field: string | undefined;
  constructor(service: string, endpoint: EndpointInfo) {
    this.#service = service;
    this.#endpoint = endpoint;
  }
  get object(): string {
    this.#object ??= `EndpointSlice ${this.#service.slice(0, this.#service.indexOf('/'))}/${this.#endpoint.slice}`;
    return this.#object;
  }
  get field(): string {
    this.#field ??= `endpoints[${this.#endpoint.index}].addresses[0]`;
    return this.#field;
  }
}

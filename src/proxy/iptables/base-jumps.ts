/**
 * Rules in the built-in chains (kubernetes `pkg/proxy/iptables/proxier.go`, iptablesJumpChains). kube-proxy puts each in front of its
 * chain when it is missing, one by one in this order, so the last one stands first.
 */
import { Chain } from './names.ts';
import { comment, ctstate, jump, type Part, type ProxyRule, proxyRule, type TableWithRules } from './rule.ts';

export interface BaseJump {
  readonly table: TableWithRules;
  readonly rule: ProxyRule;
}

const origin = { object: 'kube-proxy', field: 'jump from a built-in chain' };
const isNew = ctstate(['NEW']);

function jumps(table: TableWithRules, to: string, from: readonly string[], words: string, ...parts: Part[]): BaseJump[] {
  const said = words === '' ? [] : [comment(words)];
  return from.map(chain => ({ table, rule: proxyRule(chain, [...parts, ...said], jump(to), origin) }));
}

/** The kubelet makes these as well. */
export const kubeletJumps: readonly BaseJump[] = jumps('filter', Chain.Firewall, ['INPUT', 'OUTPUT'], '');

export const baseJumps: readonly BaseJump[] = [
  ...jumps('filter', Chain.ExternalServices, ['INPUT', 'FORWARD'], 'kubernetes externally-visible service portals', isNew),
  ...jumps('filter', Chain.NodePorts, ['INPUT'], 'kubernetes health check service ports'),
  ...jumps('filter', Chain.Services, ['FORWARD', 'OUTPUT'], 'kubernetes service portals', isNew),
  ...jumps('filter', Chain.Forward, ['FORWARD'], 'kubernetes forwarding rules'),
  ...jumps('filter', Chain.ProxyFirewall, ['INPUT', 'OUTPUT', 'FORWARD'], 'kubernetes load balancer firewall', isNew),
  ...jumps('nat', Chain.Services, ['OUTPUT', 'PREROUTING'], 'kubernetes service portals'),
  ...jumps('nat', Chain.Postrouting, ['POSTROUTING'], 'kubernetes postrouting rules'),
  ...kubeletJumps,
];

/** Tables with a canary chain. */
export const canaryTables = ['mangle', 'nat', 'filter'] as const;

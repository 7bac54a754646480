/**
 * The rules of one node, as iptables-save text: kube-proxy's for the lab's Services as that node sees them, and those of its pod network:
 * flannel's, or Calico's. Pure; one text for both data planes.
 */
import { parseIp } from '../../base/ip.ts';
import { type ClusterObject, ZONE_LABEL } from '../../cluster/objects/types.ts';
import { builtinChains, type TableName } from '../../netfilter/ruleset.ts';
import { DEFAULT_MASQUERADE_BIT, DEFAULT_VERSION, dialectOf, markText, type ProxyConfig } from '../../proxy/iptables/config.ts';
import type { ProxyRule } from '../../proxy/iptables/rule.ts';
import { originText } from '../../proxy/iptables/rule-text.ts';
import { savedText } from '../../proxy/iptables/saved-text.ts';
import { renderRules } from '../../proxy/render.ts';
import { CLUSTER_CIDR } from '../topology/addresses.ts';
import type { Node } from '../topology/model.ts';
import { networkRules } from './network-rules.ts';

/**
 * @param objects of the cluster as they are now
 * @param counters accounting objects that the node has
 * @param explained above each rule stands a line `# Service default/web field spec.clusterIP`: the object that it was made from
 * @returns '' without Services on a node of flannel: then it has no rules at all. felix writes its own whatever there is.
 */
export function nodeRules(objects: readonly ClusterObject[], node: Node, counters: Iterable<string> = [], explained = false): string {
  const network = networkRules(node);
  const served = objects.some(o => o.kind === 'Service');
  if (!served && network.author === 'flannel') return '';
  const proxy: Readonly<Partial<Record<TableName, ReadonlyMap<string, readonly ProxyRule[]>>>> = served
    ? renderRules(objects, proxyConfig(node, objects), counters).state.tables
    : {};
  const lines: string[] = [];
  for (const table of ['raw', 'mangle', 'nat', 'filter'] as const) {
    const rules = proxy[table] ?? new Map<string, readonly ProxyRule[]>();
    const other = network.tables[table] ?? { inserted: {}, appended: {}, chains: {} };
    if (rules.size === 0 && Object.keys(other.chains).length === 0) continue;
    const add = (theirs: readonly string[] = []) => lines.push(...theirs.flatMap(l => (explained ? [`# ${network.author}`, l] : [l])));
    const builtin: readonly string[] = builtinChains[table];
    const own = [...rules.keys(), ...Object.keys(other.chains)].filter(name => !builtin.includes(name)).sort();
    lines.push(`*${table}`, ...builtin.map(name => `:${name} ACCEPT [0:0]`), ...own.map(name => `:${name} - [0:0]`));
    for (const chain of [...builtin, ...own]) {
      add(other.inserted[chain]);
      for (const rule of rules.get(chain) ?? []) addRule(lines, rule, explained);
      add(other.chains[chain]);
      add(other.appended[chain]);
    }
    lines.push('COMMIT');
  }
  return `${lines.join('\n')}\n`;
}

function addRule(lines: string[], rule: ProxyRule, explained: boolean): void {
  if (explained) lines.push(`# ${originText(rule.origin)}`);
  lines.push(savedText(rule, 'IPv4'));
}

/** kube-proxy as kubeadm starts it. @param objects one of them may be the Node, which knows its zone */
export function proxyConfig(node: Node, objects: readonly ClusterObject[] = []): ProxyConfig {
  const nodeName = `node${node.number}`;
  const object = objects.find(o => o.kind === 'Node' && o.metadata.name === nodeName);
  return {
    family: 'IPv4',
    nodeName,
    nodeIp: parseIp(addressOf(node)),
    zone: object?.metadata.labels?.[ZONE_LABEL] ?? '',
    localIps: ['127.0.0.1', addressOf(node)].map(text => parseIp(text)!),
    masqueradeAll: false,
    masqueradeMark: markText(DEFAULT_MASQUERADE_BIT),
    localDetector: { kind: 'cidr', cidr: CLUSTER_CIDR },
    localhostNodePorts: true,
    nodePortAddresses: [],
    conntrackTcpLiberal: false,
    randomFully: true,
    loadBalancerIPMode: true,
    dialect: dialectOf(DEFAULT_VERSION),
  };
}

const addressOf = (node: Node): string => node.address.split('/')[0]!;

/** Who stands behind addresses and rules of a walk: the Services and EndpointSlices of the cluster, and what kube-proxy makes of them. */
import type { ReadObject } from '../cluster/objects/read.ts';
import { type ClusterObject, type Node, objectName } from '../cluster/objects/types.ts';
import { readRuleSet } from '../netfilter/text/read.ts';
import { printRule } from '../netfilter/text/rule-printer.ts';
import { DEFAULT_MASQUERADE_BIT, DEFAULT_VERSION, dialectOf, markText, type ProxyConfig } from '../proxy/iptables/config.ts';
import { countersIn } from '../proxy/iptables/diff.ts';
import { fullText } from '../proxy/iptables/full-text.ts';
import { nodeConfig, renderRules } from '../proxy/render.ts';
import type { RulePlace, Story } from '../walk/story.ts';

export interface Names {
  /** Of an IPv4 address. */
  address(text: string): string | undefined;
  origin(place: RulePlace): string | undefined;
}

/** @param rules the node's iptables-save, which tells how kube-proxy was started there @param node its name, for who is near */
export function namesOf(read: readonly ReadObject[], rules: string, node: string): Names {
  const objects = read.filter(r => r.errors.length === 0 || r.object.kind === 'EndpointSlice').map(r => r.object);
  const addresses = addressesOf(objects);
  const own = objects.find((o): o is Node => o.kind === 'Node' && o.metadata.name === node);
  const cidr = /^-A KUBE-SVC-\S+ ! -s (\S+) -d .*-j KUBE-MARK-MASQ$/m.exec(rules)?.[1];
  const config = {
    ...nodeConfig(own ?? { kind: 'Node', metadata: { name: node, namespace: '' }, spec: {}, status: { addresses: [] } }, 'IPv4'),
    family: 'IPv4',
    masqueradeAll: false,
    masqueradeMark: markText(DEFAULT_MASQUERADE_BIT),
    localDetector: cidr === undefined ? { kind: 'none' } : { kind: 'cidr', cidr },
    localhostNodePorts: true,
    nodePortAddresses: [],
    conntrackTcpLiberal: false,
    randomFully: rules.includes('--random-fully'),
    loadBalancerIPMode: true,
    dialect: dialectOf(DEFAULT_VERSION),
  } as const satisfies ProxyConfig;
  const { state } = renderRules(objects, config, countersIn(rules));
  const origins = originsIn(fullText(state, true));
  return {
    address: address => addresses.get(address),
    origin: ({ table, chain, text }) => {
      // Other releases of kube-proxy word a rule otherwise; the chain is still that of one object. A comment is the last witness.
      return origins.get(`${table} ${text}`) ?? origins.get(`${table} ${chain}`) ?? fromComment(text);
    },
  };
}

/** One object: all rules of the chain come from it. */
const ONE_OBJECT = /^-A (KUBE-(?:SVC|SVL|SEP|EXT|FW)-\S+) /;

/** By table and rule as walk prints it, and by table and chain. @param text each rule with its origin as a comment above it */
function originsIn(text: string): Map<string, string> {
  const { ruleSet } = readRuleSet(text, { lenient: true });
  const printed = new Map<number, string>();
  for (const { chains } of ruleSet.tables.values())
    for (const chain of chains.values()) for (const rule of chain.rules) printed.set(rule.line, `-A ${chain.name}${printRule(rule)}`);
  const origins = new Map<string, string>();
  let table = '';
  let origin: string | undefined;
  for (const [i, line] of text.split('\n').entries()) {
    if (line.startsWith('*')) table = line.slice(1);
    const rule = printed.get(i + 1);
    if (rule !== undefined && origin !== undefined) {
      origins.set(`${table} ${rule}`, origin);
      const chain = ONE_OBJECT.exec(line)?.[1];
      if (chain !== undefined) origins.set(`${table} ${chain}`, origin.replace(/ field .*/, ''));
    }
    origin = /^# (.+)/.exec(line)?.[1];
  }
  return origins;
}

/** kube-proxy names the port of the Service in the comment of each of its rules. */
export function fromComment(rule: string): string | undefined {
  const port = / --comment "?(?:[a-zA-Z ]*for |pod traffic for )?([a-z0-9][-a-z0-9.]*\/[-a-z0-9.]+)/.exec(` ${rule}`)?.[1];
  return port === undefined ? undefined : `Service ${port} (by its comment)`;
}

function addressesOf(objects: readonly ClusterObject[]): Map<string, string> {
  const names = new Map<string, string>();
  for (const o of objects) {
    if (o.kind === 'Service')
      for (const ip of o.spec.clusterIPs ?? [o.spec.clusterIP]) if (ip && ip !== 'None') names.set(ip, objectName(o));
    if (o.kind === 'Node') for (const { address } of o.status.addresses) names.set(address, objectName(o));
    if (o.kind !== 'EndpointSlice') continue;
    for (const { addresses, targetRef } of o.endpoints)
      for (const ip of addresses)
        if (!names.has(ip))
          names.set(
            ip,
            targetRef?.name === undefined
              ? `an endpoint of ${objectName(o)}`
              : `${targetRef.kind ?? 'Pod'} ${targetRef.namespace ?? o.metadata.namespace}/${targetRef.name}`,
          );
  }
  return names;
}

/** The story with names of the addresses in it, and each rule with its origin. */
export function withNames(story: Story, names: Names): Story {
  const events = story.events.map(e => {
    if (e.event !== 'rule' && e.event !== 'missed' && e.event !== 'undecided') return e;
    const origin = names.origin(e);
    return origin === undefined ? e : { ...e, origin };
  });
  const found = new Map<string, string>();
  for (const [address] of JSON.stringify({ ...story, events }).matchAll(/(?<![\d.])\d+\.\d+\.\d+\.\d+(?![\d./])/g)) {
    const name = names.address(address);
    if (name !== undefined) found.set(address, name);
  }
  return { ...story, events, names: Object.fromEntries(found) };
}

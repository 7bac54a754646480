/** What the pod network of a node writes beside kube-proxy's rules: flannel's, or felix's with the sets that they ask for. Pure. */
import { builtinChains, type TableName } from '../../netfilter/ruleset.ts';
import { type FelixConfig, type FelixTable, felixRules } from '../calico/felix.ts';
import { felixSets } from '../calico/felix-sets.ts';
import { CLUSTER_CIDR, podCidr } from '../topology/addresses.ts';
import { caliName } from '../topology/calico.ts';
import type { Node } from '../topology/model.ts';
import { flannelRules } from './flannel.ts';

export interface NetworkRules {
  readonly author: 'flannel' | 'felix';
  readonly tables: Readonly<Partial<Record<TableName, FelixTable>>>;
  /** Lines of `ipset save`, '' for none: to be there before the rules. */
  readonly sets: string;
}

export function networkRules(node: Node): NetworkRules {
  if (node.calico === undefined) return flannel(node);
  const config = felixConfig(node);
  return { author: 'felix', tables: felixRules(config), sets: felixSets(config) };
}

function felixConfig({ address, pods, calico }: Node): FelixConfig {
  const own = address.split('/')[0]!;
  return {
    pools: [CLUSTER_CIDR],
    ipip: calico?.ipip !== undefined,
    hosts: calico!.hosts,
    addresses: ['127.0.0.0', '127.0.0.1', own, ...(calico?.ipip === undefined ? [] : [calico.ipip.address])],
    interfaces: pods.map(pod => caliName(pod.name)),
  };
}

/** flannel puts its jumps behind what is there. */
function flannel(node: Node): NetworkRules {
  const tables = Object.entries(flannelRules(podCidr(node.number))).map(([name, chains]) => {
    const builtin: readonly string[] = builtinChains[name as TableName];
    const part = (own: boolean) => Object.fromEntries(Object.entries(chains).filter(([chain]) => builtin.includes(chain) !== own));
    return [name, { inserted: {}, appended: part(false), chains: part(true) }] as const;
  });
  return { author: 'flannel', tables: Object.fromEntries(tables), sets: '' };
}

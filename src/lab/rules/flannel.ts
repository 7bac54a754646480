/** flannel's rules of one node (flannel `pkg/trafficmngr/iptables`), behind those of kube-proxy in the built-in chains. */
import { builtinChains } from '../../netfilter/ruleset.ts';
import { CLUSTER_CIDR } from '../topology/addresses.ts';

/** Lines of iptables-save by table and chain. @param subnet of the node's pods */
export const flannelRules = (subnet: string): Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> => ({
  nat: {
    POSTROUTING: ['-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG'],
    'FLANNEL-POSTRTG': [
      masquerade('-m mark --mark 0x4000/0x4000', 'RETURN'),
      masquerade(`-s ${subnet} -d ${CLUSTER_CIDR}`, 'RETURN'),
      masquerade(`-s ${CLUSTER_CIDR} -d ${subnet}`, 'RETURN'),
      masquerade(`! -s ${CLUSTER_CIDR} -d ${subnet}`, 'RETURN'),
      masquerade(`-s ${CLUSTER_CIDR} ! -d 224.0.0.0/4`, 'MASQUERADE --random-fully'),
      masquerade(`! -s ${CLUSTER_CIDR} -d ${CLUSTER_CIDR}`, 'MASQUERADE --random-fully'),
    ],
  },
  filter: {
    FORWARD: ['-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD'],
    'FLANNEL-FWD': [
      `-A FLANNEL-FWD -s ${CLUSTER_CIDR} -m comment --comment "flanneld forward" -j ACCEPT`,
      `-A FLANNEL-FWD -d ${CLUSTER_CIDR} -m comment --comment "flanneld forward" -j ACCEPT`,
    ],
  },
});

const masquerade = (match: string, target: string): string =>
  `-A FLANNEL-POSTRTG ${match} -m comment --comment "flanneld masq" -j ${target}`;

/** The whole text of a node on which nothing else has written rules yet. */
export function flannelText(subnet: string): string {
  const tables = Object.entries(flannelRules(subnet)).map(([table, chains]) => {
    const builtin = builtinChains[table as 'nat' | 'filter'];
    const own = Object.keys(chains).filter(name => !(builtin as readonly string[]).includes(name));
    const names = [...builtin.map(name => `:${name} ACCEPT [0:0]`), ...own.map(name => `:${name} - [0:0]`)];
    return [`*${table}`, ...names, ...Object.values(chains).flat(), 'COMMIT', ''].join('\n');
  });
  return tables.join('');
}

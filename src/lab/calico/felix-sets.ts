/** The sets that felix's rules ask for (Calico v3.29, `felix/dataplane/linux/masq_mgr.go`, `ipip_mgr.go`, `hostip_mgr.go`). */
import type { FelixConfig } from './felix.ts';

/** `MaxIpsetSize`. */
const MOST_MEMBERS = 1_048_576;

/** Lines for `ipset restore`. Names are `cali`, 4 for IPv4, 0 for the set in use, and what it is. */
export function felixSets({ pools, hosts, addresses, ipip }: FelixConfig): string {
  const lines = [
    ...set('cali40all-ipam-pools', 'hash:net', pools),
    ...set('cali40masq-ipam-pools', 'hash:net', pools),
    ...(ipip ? set('cali40all-hosts-net', 'hash:net', hosts) : []),
    ...set('cali40this-host', 'hash:ip', addresses),
  ];
  return `${lines.join('\n')}\n`;
}

const set = (name: string, type: 'hash:net' | 'hash:ip', members: readonly string[]): string[] => [
  `create ${name} ${type} family inet maxelem ${MOST_MEMBERS}`,
  ...[...new Set(members)].sort().map(member => `add ${name} ${member}`),
];

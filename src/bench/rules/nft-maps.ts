/** nft text in the form of kube-proxy's nftables mode (`pkg/proxy/nftables/proxier.go`): one look-up in a map, whatever the number of Services. */
import { serviceHash } from '../../proxy/iptables/chain-names.ts';
import type { BenchService, Transport } from './services.ts';

const CLUSTER = '10.244.0.0/16';
const TABLE = 'ip kube-proxy';

export function nftMapRules(services: readonly BenchService[], transport: Transport): string {
  const chain = (kind: string, s: BenchService): string => `${kind}-${serviceHash(s.name, transport).slice(0, 8)}`;
  const perService = services.flatMap(s => {
    const [address, port] = s.endpoint.split(':');
    const [svc, sep] = [chain('service', s), chain('endpoint', s)];
    return [
      `add chain ${TABLE} ${sep}`,
      `add rule ${TABLE} ${sep} ip saddr ${address} jump mark-for-masquerade`,
      `add rule ${TABLE} ${sep} meta l4proto ${transport} dnat to ${address}:${port}`,
      `add chain ${TABLE} ${svc}`,
      `add rule ${TABLE} ${svc} ip daddr ${s.clusterIp} ${transport} dport ${s.port} ip saddr != ${CLUSTER} jump mark-for-masquerade`,
      `add rule ${TABLE} ${svc} numgen random mod 1 vmap { 0 : goto ${sep} }`,
    ];
  });
  const elements = services.map(s => `${s.clusterIp} . ${transport} . ${s.port} : goto ${chain('service', s)}`);
  return `${[
    `add table ${TABLE}`,
    `add chain ${TABLE} mark-for-masquerade`,
    `add rule ${TABLE} mark-for-masquerade meta mark set meta mark or 0x4000`,
    `add map ${TABLE} service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }`,
    `add map ${TABLE} service-nodeports { type inet_proto . inet_service : verdict; }`,
    `add map ${TABLE} no-endpoint-services { type ipv4_addr . inet_proto . inet_service : verdict; }`,
    ...perService,
    ...inPieces(elements).map(piece => `add element ${TABLE} service-ips { ${piece.join(', ')} }`),
    `add chain ${TABLE} services`,
    `add rule ${TABLE} services ip daddr . meta l4proto . th dport vmap @service-ips`,
    `add rule ${TABLE} services fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports`,
    `add chain ${TABLE} nat-prerouting { type nat hook prerouting priority dstnat; }`,
    `add rule ${TABLE} nat-prerouting jump services`,
    `add chain ${TABLE} nat-postrouting { type nat hook postrouting priority srcnat; }`,
    `add rule ${TABLE} nat-postrouting meta mark & 0x4000 == 0 return`,
    `add rule ${TABLE} nat-postrouting meta mark set meta mark xor 0x4000`,
    `add rule ${TABLE} nat-postrouting masquerade fully-random`,
    `add chain ${TABLE} filter-forward { type filter hook forward priority -110; }`,
    `add rule ${TABLE} filter-forward ct state new ip daddr . meta l4proto . th dport vmap @no-endpoint-services`,
  ].join('\n')}\n`;
}

/** nft reads a long list of elements in pieces. */
function inPieces<T>(all: readonly T[], size = 1000): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

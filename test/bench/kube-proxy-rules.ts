/** Rules of the shape that kube-proxy writes: `services` ClusterIP Services of one port, three endpoints each, and a node port for one in ten. */
import { formatIpv4 } from '../../src/base/address.ts';

const CLUSTER = 0x0a600000; // 10.96.0.0
const PODS = 0x0af40000; // 10.244.0.0
export const ENDPOINTS = 3;

export const clusterIp = (i: number): number => CLUSTER + 10 + i;
const podIp = (i: number, n: number): number => PODS + 256 + ((i * ENDPOINTS + n) % 0xfe00);
/** Sixteen characters, as a hash would be. */
const suffix = (kind: string, i: number, n = 0): string =>
  `${kind}${i.toString(36).toUpperCase().padStart(6, '0')}${n}`.padEnd(16, 'Z').slice(0, 16);

export function kubeProxyRules(services: number): string {
  const nat: string[] = [];
  const chains: string[] = [];
  const front: string[] = [];
  const nodePorts: string[] = [];
  for (let i = 0; i < services; i++) {
    const svc = `KUBE-SVC-${suffix('S', i)}`;
    const name = `default/service-${i}:http`;
    const ip = formatIpv4(clusterIp(i));
    chains.push(`:${svc} - [0:0]`);
    front.push(`-A KUBE-SERVICES -d ${ip}/32 -p tcp -m comment --comment "${name} cluster IP" -m tcp --dport 80 -j ${svc}`);
    nat.push(
      `-A ${svc} ! -s 10.244.0.0/16 -d ${ip}/32 -p tcp -m comment --comment "${name} cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ`,
    );
    if (i % 10 === 0) {
      const ext = `KUBE-EXT-${suffix('S', i)}`;
      chains.push(`:${ext} - [0:0]`);
      nodePorts.push(`-A KUBE-NODEPORTS -p tcp -m comment --comment "${name}" -m tcp --dport ${30000 + ((i / 10) % 2768)} -j ${ext}`);
      nat.push(`-A ${ext} -m comment --comment "masquerade traffic for ${name} external destinations" -j KUBE-MARK-MASQ`);
      nat.push(`-A ${ext} -j ${svc}`);
    }
    for (let n = 0; n < ENDPOINTS; n++) {
      const sep = `KUBE-SEP-${suffix('E', i, n)}`;
      const pod = formatIpv4(podIp(i, n));
      chains.push(`:${sep} - [0:0]`);
      const left = ENDPOINTS - n;
      const choice = left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`;
      nat.push(`-A ${svc} -m comment --comment "${name} -> ${pod}:8080"${choice} -j ${sep}`);
      nat.push(`-A ${sep} -s ${pod}/32 -m comment --comment "${name}" -j KUBE-MARK-MASQ`);
      nat.push(`-A ${sep} -p tcp -m comment --comment "${name}" -m tcp -j DNAT --to-destination ${pod}:8080`);
    }
  }
  return `${[
    '*filter',
    ...[':INPUT ACCEPT [0:0]', ':FORWARD ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]'],
    ...['KUBE-EXTERNAL-SERVICES', 'KUBE-FIREWALL', 'KUBE-FORWARD', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL', 'KUBE-SERVICES'].map(
      c => `:${c} - [0:0]`,
    ),
    '-A INPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL',
    '-A INPUT -j KUBE-NODEPORTS',
    '-A INPUT -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES',
    '-A INPUT -j KUBE-FIREWALL',
    '-A FORWARD -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL',
    '-A FORWARD -j KUBE-FORWARD',
    '-A FORWARD -m conntrack --ctstate NEW -j KUBE-SERVICES',
    '-A FORWARD -m conntrack --ctstate NEW -j KUBE-EXTERNAL-SERVICES',
    '-A OUTPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL',
    '-A OUTPUT -m conntrack --ctstate NEW -j KUBE-SERVICES',
    '-A OUTPUT -j KUBE-FIREWALL',
    '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
    '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
    '-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT',
    '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    'COMMIT',
    '*nat',
    ...[':PREROUTING ACCEPT [0:0]', ':INPUT ACCEPT [0:0]', ':OUTPUT ACCEPT [0:0]', ':POSTROUTING ACCEPT [0:0]'],
    ...['KUBE-MARK-MASQ', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-SERVICES'].map(c => `:${c} - [0:0]`),
    ...chains,
    '-A PREROUTING -j KUBE-SERVICES',
    '-A OUTPUT -j KUBE-SERVICES',
    '-A POSTROUTING -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    '-A KUBE-POSTROUTING -j MASQUERADE --random-fully',
    ...front,
    '-A KUBE-SERVICES ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ...nodePorts,
    ...nat,
    'COMMIT',
  ].join('\n')}\n`;
}

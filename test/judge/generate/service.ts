/**
 * Rules in the shape in which kube-proxy writes them: services, endpoints by turns (`nth` where it draws lots), client affinity by
 * `recent`, node ports, masquerading by mark, services without endpoints.
 */
import { address, hosts, links } from '../topology.ts';
import type { Chooser } from './choose.ts';
import { ports } from './matches.ts';

export interface TableRules {
  chains: string[];
  rules: string[];
}

export function serviceRules(c: Chooser, name: string): { nat: TableRules; filter: TableRules } {
  const nat: TableRules = { chains: ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ'], rules: [] };
  const filter: TableRules = { chains: ['KUBE-FORWARD', 'KUBE-EXTERNAL'], rules: [] };
  for (const hook of ['PREROUTING', 'OUTPUT']) nat.rules.push(`-A ${hook} -j KUBE-SERVICES`);
  nat.rules.push('-A POSTROUTING -j KUBE-POSTROUTING', '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000');
  nat.rules.push(
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    `-A KUBE-POSTROUTING -j MASQUERADE${c.oneIn(2) ? ' --random-fully' : ''}`,
  );
  for (const hook of ['INPUT', 'FORWARD']) filter.rules.push(`-A ${hook} -m conntrack --ctstate NEW -j KUBE-EXTERNAL`);
  filter.rules.push(
    '-A FORWARD -j KUBE-FORWARD',
    ...(c.oneIn(2) ? ['-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP'] : []),
    '-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT',
    '-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  );
  const count = 1 + c.below(4);
  for (let s = 0; s < count; s++) addService(c, `${name}${s}`, nat, filter);
  nat.rules.push('-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS');
  return { nat, filter };
}

function addService(c: Chooser, name: string, nat: TableRules, filter: TableRules): void {
  const protocol = c.of(['tcp', 'udp']);
  const port = c.of(ports);
  const vip = c.of(['198.51.100.7', '203.0.113.9', address(c.of(links).net, c.of(hosts))]);
  const endpoints = Array.from({ length: c.of([0, 1, 2, 3]) }, () => ({ ip: address(c.of(links).net, c.of(hosts)), port: c.of(ports) }));
  const service = `-d ${vip}/32 -p ${protocol} -m ${protocol} --dport ${port}`;
  if (endpoints.length === 0) {
    filter.rules.push(`-A KUBE-EXTERNAL ${service} -j REJECT --reject-with icmp-port-unreachable`);
    return;
  }
  const svc = `KUBE-SVC-${name}`;
  nat.chains.push(svc);
  nat.rules.push(`-A KUBE-SERVICES ${service} -j ${svc}`);
  if (c.oneIn(2)) nat.rules.push(`-A KUBE-NODEPORTS -p ${protocol} -m ${protocol} --dport ${c.of([30080, 600, 8080])} -j ${svc}`);
  nat.rules.push(
    `-A ${svc} ! -s 10.0.${c.of(links).net}.0/24 -d ${vip}/32 -p ${protocol} -m ${protocol} --dport ${port} -j KUBE-MARK-MASQ`,
  );
  const affinity = c.oneIn(2);
  const seps = endpoints.map((_, i) => `KUBE-SEP-${name}${i}`);
  nat.chains.push(...seps);
  if (affinity)
    for (const sep of seps)
      nat.rules.push(`-A ${svc} -m recent --rcheck --seconds 10800 --reap --name ${sep} --mask 255.255.255.255 --rsource -j ${sep}`);
  for (const [i, sep] of seps.entries()) {
    const left = seps.length - i;
    nat.rules.push(`-A ${svc}${left > 1 ? ` -m statistic --mode nth --every ${left} --packet 0` : ''} -j ${sep}`);
    const { ip, port: to } = endpoints[i]!;
    nat.rules.push(
      `-A ${sep} -s ${ip}/32 -j KUBE-MARK-MASQ`,
      `-A ${sep} -p ${protocol}${affinity ? ` -m recent --set --name ${sep} --mask 255.255.255.255 --rsource` : ''} -m ${protocol} -j DNAT --to-destination ${ip}:${to}`,
    );
  }
}

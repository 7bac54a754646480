/** iptables-save text in kube-proxy's form (iptables mode, `pkg/proxy/iptables/proxier.go`): standing chains, and three chains' worth per Service. */
import { endpointChain, serviceChain } from '../../proxy/iptables/chain-names.ts';
import type { BenchService, Transport } from './services.ts';

const CLUSTER = '10.244.0.0/16';

/** The whole rule set. */
export function kubeProxyRules(services: readonly BenchService[], transport: Transport): string {
  const chains = services.flatMap(s => [`:${svc(s, transport)} - [0:0]`, `:${sep(s, transport)} - [0:0]`]);
  const comment = (s: BenchService): string => `-m comment --comment "${s.name} cluster IP"`;
  return lines(
    '*nat',
    ...builtin('PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'),
    ...own('KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-POSTROUTING', 'KUBE-MARK-MASQ'),
    ...chains,
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ...services.flatMap(s => serviceRules(s, transport)),
    ...services.map(
      s => `-A KUBE-SERVICES -d ${s.clusterIp}/32 -p ${transport} ${comment(s)} -m ${transport} --dport ${s.port} -j ${svc(s, transport)}`,
    ),
    '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    'COMMIT',
    ...filterTable,
  );
}

/** What kube-proxy gives to `iptables-restore --noflush` when the endpoint of one Service has changed: its chain anew, the old endpoint's away. */
export function endpointChange(before: BenchService, after: BenchService, transport: Transport): string {
  return lines(
    '*nat',
    ...own(svc(after, transport), sep(after, transport), sep(before, transport)),
    ...serviceRules(after, transport),
    `-X ${sep(before, transport)}`,
    'COMMIT',
  );
}

const svc = (s: BenchService, transport: Transport): string => serviceChain('SVC', s.name, transport);
const sep = (s: BenchService, transport: Transport): string => endpointChain(s.name, transport, s.endpoint);

const serviceRules = (s: BenchService, transport: Transport): string[] => [
  `-A ${sep(s, transport)} -s ${s.endpoint.split(':')[0]}/32 -m comment --comment "${s.name}" -j KUBE-MARK-MASQ`,
  `-A ${sep(s, transport)} -p ${transport} -m comment --comment "${s.name}" -m ${transport} -j DNAT --to-destination ${s.endpoint}`,
  `-A ${svc(s, transport)} ! -s ${CLUSTER} -d ${s.clusterIp}/32 -p ${transport} -m comment --comment "${s.name} cluster IP" -m ${transport} --dport ${s.port} -j KUBE-MARK-MASQ`,
  `-A ${svc(s, transport)} -m comment --comment "${s.name} -> ${s.endpoint}" -j ${sep(s, transport)}`,
];

const builtin = (...names: string[]): string[] => names.map(name => `:${name} ACCEPT [0:0]`);
const own = (...names: string[]): string[] => names.map(name => `:${name} - [0:0]`);
const lines = (...all: string[]): string => all.map(line => `${line}\n`).join('');

const fresh = (from: string, comment: string, to: string): string =>
  `-A ${from} -m conntrack --ctstate NEW -m comment --comment "${comment}" -j ${to}`;

/** What every forwarded packet walks, tracked or new. */
const filterTable = [
  '*filter',
  ...builtin('INPUT', 'FORWARD', 'OUTPUT'),
  ...own('KUBE-EXTERNAL-SERVICES', 'KUBE-FIREWALL', 'KUBE-FORWARD', 'KUBE-NODEPORTS', 'KUBE-PROXY-FIREWALL', 'KUBE-SERVICES'),
  fresh('INPUT', 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'),
  '-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS',
  fresh('INPUT', 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'),
  '-A INPUT -j KUBE-FIREWALL',
  fresh('FORWARD', 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'),
  '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
  fresh('FORWARD', 'kubernetes service portals', 'KUBE-SERVICES'),
  fresh('FORWARD', 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES'),
  fresh('OUTPUT', 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL'),
  fresh('OUTPUT', 'kubernetes service portals', 'KUBE-SERVICES'),
  '-A OUTPUT -j KUBE-FIREWALL',
  '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
  '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
  '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
  '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  'COMMIT',
];

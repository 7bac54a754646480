/**
 * The rules of one node, as iptables-save text: kube-proxy's chains for the lab's Services (iptables mode, policy Cluster) and flannel's.
 * Pure; one text for both data planes. Order and words as kube-proxy 1.33 to 1.36 writes them (`pkg/proxy/iptables/proxier.go`) and
 * flannel (`pkg/trafficmngr/iptables`).
 */
import { endpointChain, serviceChain } from '../../proxy/iptables/chain-names.ts';
import type { Lab, ServiceDeclaration } from '../definition.ts';
import { CLUSTER_CIDR, podCidr } from '../topology/addresses.ts';
import { podsOf } from '../topology/cluster.ts';
import type { Node } from '../topology/model.ts';

interface Service extends ServiceDeclaration {
  /** `default/web` */
  name: string;
  endpoints: string[];
}

/**
 * @param explained above each rule stands a line `# Service default/web field spec.clusterIP`: the object that it was made from
 * @returns '' for a lab without Services: its nodes have no rules at all.
 */
export function nodeRules(lab: Lab, node: Node, explained = false): string {
  const services = Object.entries(lab.services ?? {}).map(([name, service]) => resolve(lab, name, service));
  if (services.length === 0) return '';
  const lines = [...mangleTable, ...natTable(services, podCidr(node.number)), ...filterTable()];
  return lines.flatMap(line => (explained || !line.startsWith('# ') ? `${line}\n` : [])).join('');
}

/** Rules, each under its origin. */
const from = (origin: string, ...rules: string[]): string[] => rules.flatMap(rule => [`# ${origin}`, rule]);
const field = (s: Service, name: string): string => `Service ${s.name} field ${name}`;
const proxy = (option: string): string => `kube-proxy field ${option}`;

/** Empty, and there only to be missed: kube-proxy looks whether it still exists, to notice that somebody wiped the tables. */
const CANARY = 'KUBE-PROXY-CANARY';

const mangleTable = [
  '*mangle',
  ...['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'].map(name => `:${name} ACCEPT [0:0]`),
  `:${CANARY} - [0:0]`,
  'COMMIT',
];

function resolve(lab: Lab, name: string, service: ServiceDeclaration): Service {
  const all = lab.nodes.flatMap(node => podsOf(lab, node));
  const endpoints = service.pods.map(pod => {
    const { address, port } = all.find(p => p.name === pod)!;
    return `${address}:${port}`;
  });
  return { ...service, name: `default/${name}`, endpoints };
}

const chain = (kind: 'SVC' | 'EXT', s: Service): string => serviceChain(kind, s.name, 'tcp');
const sepChain = (s: Service, endpoint: string): string => endpointChain(s.name, 'tcp', endpoint);

function natTable(services: readonly Service[], subnet: string): string[] {
  const perService = services.flatMap(s => [
    ...(s.nodePort === undefined ? [] : [chain('EXT', s)]),
    chain('SVC', s),
    ...s.endpoints.map(endpoint => sepChain(s, endpoint)),
  ]);
  const chains = [
    'FLANNEL-POSTRTG',
    'KUBE-MARK-MASQ',
    'KUBE-NODEPORTS',
    'KUBE-POSTROUTING',
    CANARY,
    'KUBE-SERVICES',
    ...new Set(perService),
  ];
  return [
    '*nat',
    ...['PREROUTING', 'INPUT', 'OUTPUT', 'POSTROUTING'].map(name => `:${name} ACCEPT [0:0]`),
    ...chains.map(name => `:${name} - [0:0]`),
    ...from(
      proxy('jump from a built-in chain'),
      '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
      '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    ),
    ...from('flannel', '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG', ...flannelMasquerade(subnet)),
    ...from(proxy('masqueradeBit'), '-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000'),
    ...services.flatMap(nodePortRules),
    // The mark is taken off before the encapsulation: the outer packet has the same mark and would be masqueraded as well.
    ...from(
      proxy('masqueradeBit'),
      '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
      '-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0',
      '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ),
    ...services.flatMap(s => serviceRules(s)),
    ...services.flatMap(s =>
      from(
        field(s, 'spec.clusterIP'),
        `-A KUBE-SERVICES -d ${s.clusterIp}/32 -p tcp -m comment --comment "${s.name} cluster IP" -m tcp --dport ${s.port} -j ${chain('SVC', s)}`,
      ),
    ),
    ...from(
      proxy('nodePortAddresses'),
      '-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ),
    'COMMIT',
  ];
}

const nodePortRules = (s: Service): string[] =>
  s.nodePort === undefined
    ? []
    : from(
        field(s, 'spec.ports[0].nodePort'),
        `-A KUBE-NODEPORTS -p tcp -m comment --comment "${s.name}" -m tcp --dport ${s.nodePort} -j ${chain('EXT', s)}`,
      );

function serviceRules(s: Service): string[] {
  const svc = chain('SVC', s);
  const external =
    s.nodePort === undefined
      ? []
      : from(
          field(s, 'spec.externalTrafficPolicy'),
          `-A ${chain('EXT', s)} -m comment --comment "masquerade traffic for ${s.name} external destinations" -j KUBE-MARK-MASQ`,
          `-A ${chain('EXT', s)} -j ${svc}`,
        );
  return [
    ...external,
    ...s.endpoints.flatMap((endpoint, i) => from(endpointField(s, i), ...endpointRules(s, endpoint))),
    `# ${field(s, 'spec.clusterIP')}`,
    `-A ${svc} ! -s ${CLUSTER_CIDR} -d ${s.clusterIp}/32 -p tcp -m comment --comment "${s.name} cluster IP" -m tcp --dport ${s.port} -j KUBE-MARK-MASQ`,
    ...s.endpoints.flatMap((endpoint, i) =>
      from(
        endpointField(s, i),
        `-A ${svc} -m comment --comment "${s.name} -> ${endpoint}"${share(s.endpoints.length - i)} -j ${sepChain(s, endpoint)}`,
      ),
    ),
  ];
}

const endpointField = (s: Service, i: number): string => `EndpointSlice of ${s.name} field endpoints[${i}].addresses`;

/** Each rule takes one part of what the rules above let through; the last takes all. */
const share = (left: number): string => (left === 1 ? '' : ` -m statistic --mode random --probability ${(1 / left).toFixed(10)}`);

/** A pod that reaches itself through the Service must not see its own address as the client. */
const endpointRules = (s: Service, endpoint: string): string[] => [
  `-A ${sepChain(s, endpoint)} -s ${endpoint.split(':')[0]}/32 -m comment --comment "${s.name}" -j KUBE-MARK-MASQ`,
  `-A ${sepChain(s, endpoint)} -p tcp -m comment --comment "${s.name}" -m tcp -j DNAT --to-destination ${endpoint}`,
];

const flannelMasquerade = (subnet: string): string[] => {
  const rule = (match: string, target: string) => `-A FLANNEL-POSTRTG ${match} -m comment --comment "flanneld masq" -j ${target}`;
  return [
    rule('-m mark --mark 0x4000/0x4000', 'RETURN'),
    rule(`-s ${subnet} -d ${CLUSTER_CIDR}`, 'RETURN'),
    rule(`-s ${CLUSTER_CIDR} -d ${subnet}`, 'RETURN'),
    rule(`! -s ${CLUSTER_CIDR} -d ${subnet}`, 'RETURN'),
    rule(`-s ${CLUSTER_CIDR} ! -d 224.0.0.0/4`, 'MASQUERADE --random-fully'),
    rule(`! -s ${CLUSTER_CIDR} -d ${CLUSTER_CIDR}`, 'MASQUERADE --random-fully'),
  ];
};

/** Every Service of these labs has an endpoint, so there is nothing to reject; the chains stand as on a real node. */
function filterTable(): string[] {
  const fresh = (chain: string, comment: string, to: string) =>
    `-A ${chain} -m conntrack --ctstate NEW -m comment --comment "${comment}" -j ${to}`;
  const firewall = (chain: string) => fresh(chain, 'kubernetes load balancer firewall', 'KUBE-PROXY-FIREWALL');
  const external = (chain: string) => fresh(chain, 'kubernetes externally-visible service portals', 'KUBE-EXTERNAL-SERVICES');
  const portals = (chain: string) => fresh(chain, 'kubernetes service portals', 'KUBE-SERVICES');
  const chains = [
    'FLANNEL-FWD',
    'KUBE-EXTERNAL-SERVICES',
    'KUBE-FIREWALL',
    'KUBE-FORWARD',
    'KUBE-NODEPORTS',
    CANARY,
    'KUBE-PROXY-FIREWALL',
    'KUBE-SERVICES',
  ];
  return [
    '*filter',
    ...['INPUT', 'FORWARD', 'OUTPUT'].map(name => `:${name} ACCEPT [0:0]`),
    ...chains.map(name => `:${name} - [0:0]`),
    ...from(
      proxy('standing rules'),
      firewall('INPUT'),
      '-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS',
      external('INPUT'),
      '-A INPUT -j KUBE-FIREWALL',
      firewall('FORWARD'),
      '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD',
      portals('FORWARD'),
      external('FORWARD'),
    ),
    ...from('flannel', '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD'),
    ...from(proxy('standing rules'), firewall('OUTPUT'), portals('OUTPUT'), '-A OUTPUT -j KUBE-FIREWALL'),
    ...from(
      'flannel',
      `-A FLANNEL-FWD -s ${CLUSTER_CIDR} -m comment --comment "flanneld forward" -j ACCEPT`,
      `-A FLANNEL-FWD -d ${CLUSTER_CIDR} -m comment --comment "flanneld forward" -j ACCEPT`,
    ),
    ...from(
      proxy('standing rules'),
      '-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
      '-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP',
      '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT',
      '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    ),
    'COMMIT',
  ];
}

/**
 * A cluster at random on the judge's three links: the node itself with its pods on `b`, other nodes on `a`, and the outside behind `c`.
 * Services of every type with endpoints in every condition, and the objects of a moment later, when some of them have changed.
 */
import { parseIp } from '../../../src/base/ip.ts';
import {
  type ClusterObject,
  type Endpoint,
  type EndpointSlice,
  type Protocol,
  SERVICE_NAME_LABEL,
  type Service,
  type ServicePort,
  serviceTypes,
} from '../../../src/cluster/objects/types.ts';
import { DEFAULT_MASQUERADE_BIT, dialects, type LocalDetector, markText, type ProxyConfig } from '../../../src/proxy/iptables/config.ts';
import type { Chooser } from '../generate/choose.ts';
import { address, hosts, links, routerAddress } from '../topology.ts';

/** Of the judged node. */
export const NODE = 'node1';
export const nodeAddresses = links.map(routerAddress);
const POD_CIDR = '10.0.2.0/24';
const externalAddresses = ['203.0.113.20', '203.0.113.21', '198.51.100.30', '10.0.1.6'] as const;
const loadBalancerAddresses = ['198.51.100.40', '203.0.113.41', '203.0.113.42'] as const;
const endpointPorts = [80, 8080, 53, 600] as const;
const nodePorts = [30_080, 30_053, 31_000, 32_767] as const;
/**
 * Behind the gateway of `c`: where no rule takes a packet it has a way all the same. That there is none is told only so often, which is a
 * matter of time.
 */
export const clusterAddress = (number: number): string => `198.51.100.${128 + number}`;
/** `zone` of the node and of its neighbours. */
const zones = ['east', 'west'] as const;

export interface Cluster {
  objects: ClusterObject[];
  services: Service[];
  slices: EndpointSlice[];
}

export function randomConfig(c: Chooser): ProxyConfig {
  const detector = c.of<LocalDetector>([
    { kind: 'cidr', cidr: POD_CIDR },
    { kind: 'cidr', cidr: POD_CIDR },
    { kind: 'bridge', name: 'b' },
    { kind: 'interfacePrefix', prefix: 'b' },
    { kind: 'none' },
  ]);
  return {
    family: 'IPv4',
    nodeName: NODE,
    nodeIp: parseIp(nodeAddresses[0]!),
    zone: zones[0],
    localIps: ['127.0.0.1', ...nodeAddresses].map(text => parseIp(text)!),
    masqueradeAll: c.oneIn(5),
    masqueradeMark: markText(c.oneIn(8) ? 7 : DEFAULT_MASQUERADE_BIT),
    localDetector: detector,
    localhostNodePorts: !c.oneIn(4),
    nodePortAddresses: c.oneIn(4) ? [c.of(['10.0.1.0/24', '10.0.3.0/24'])] : [],
    conntrackTcpLiberal: c.oneIn(5),
    randomFully: c.oneIn(2),
    loadBalancerIPMode: !c.oneIn(6),
    dialect: dialects[c.of(Object.keys(dialects) as (keyof typeof dialects)[])],
  };
}

/** @param name for chains, whose names remember clients in the kernel: nobody else may have them */
export function randomCluster(c: Chooser, name: string): Cluster {
  const services: Service[] = [];
  const slices: EndpointSlice[] = [];
  for (let i = 2 + c.below(6); i > 0; i--) {
    const service = randomService(c, `${name}-${i}`, i);
    services.push(service);
    if (!c.oneIn(8)) slices.push(randomSlice(c, service));
  }
  return { services, slices, objects: [...services, ...slices] };
}

/** The same a moment later: some endpoints have come, gone, or are no longer ready; a Service has gone. */
export function changed(c: Chooser, before: Cluster): Cluster {
  const services = before.services.filter(() => !c.oneIn(10));
  const slices = before.slices.filter(() => !c.oneIn(12)).map(slice => (c.oneIn(2) ? changedSlice(c, slice) : slice));
  return { services, slices, objects: [...services, ...slices] };
}

function randomService(c: Chooser, name: string, number: number): Service {
  const type = c.weighted([
    [3, serviceTypes[0]],
    [3, serviceTypes[1]],
    [3, serviceTypes[2]],
  ]);
  const external = type !== 'ClusterIP';
  const ports = Array.from({ length: c.oneIn(3) ? 2 : 1 }, (_, i) => randomPort(c, i, external, number));
  const local = external && c.oneIn(3);
  const affinity = c.oneIn(3);
  return {
    kind: 'Service',
    metadata: { namespace: c.of(['default', 'web']), name },
    spec: {
      type,
      clusterIP: c.oneIn(12) ? 'None' : clusterAddress(number),
      ports,
      sessionAffinity: affinity ? 'ClientIP' : 'None',
      ...(affinity && { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } }),
      ...(c.oneIn(3) && { externalIPs: [c.of(externalAddresses)] }),
      ...(local && { externalTrafficPolicy: 'Local' as const }),
      ...(local && type === 'LoadBalancer' && { healthCheckNodePort: 30_100 + number }),
      ...(c.oneIn(5) && { internalTrafficPolicy: 'Local' as const }),
      ...(c.oneIn(4) && {
        loadBalancerSourceRanges: c.of([['198.51.100.0/24'], ['10.0.1.0/24', '203.0.113.0/28'], ['10.0.1.1/32'], ['0.0.0.0/0']]),
      }),
      ...(c.oneIn(5) && { trafficDistribution: c.of(['PreferClose', 'PreferSameNode']) }),
    },
    status: {
      loadBalancer: {
        ingress:
          type === 'LoadBalancer'
            ? Array.from({ length: 1 + c.below(2) }, () => ({
                ip: c.of(loadBalancerAddresses),
                ...(c.oneIn(3) && { ipMode: c.of(['VIP', 'Proxy'] as const) }),
              }))
            : [],
      },
    },
  };
}

/** No two Services have one node port: the API server sees to that. */
function randomPort(c: Chooser, index: number, external: boolean, number: number): ServicePort {
  const protocol = c.of<Protocol>(['TCP', 'TCP', 'UDP', 'UDP', 'UDP']);
  return {
    name: index === 0 && c.oneIn(2) ? '' : `p${index}`,
    protocol,
    port: c.of([80, 53, 8080]) + index,
    ...(external && { nodePort: nodePorts[(number * 2 + index) % nodePorts.length]! + number * 2 + index - (number > 3 ? 700 : 0) }),
  };
}

function randomSlice(c: Chooser, service: Service): EndpointSlice {
  const { namespace, name } = service.metadata;
  return {
    kind: 'EndpointSlice',
    metadata: { namespace, name: `${name}-1`, labels: { [SERVICE_NAME_LABEL]: name } },
    addressType: 'IPv4',
    ports: service.spec.ports.map(p => ({ name: p.name, protocol: p.protocol, port: c.of(endpointPorts) })),
    endpoints: Array.from({ length: c.of([0, 1, 1, 2, 3, 4]) }, () => randomEndpoint(c)),
  };
}

/** A pod of this node, of another one, or a host of the network; at times the node itself. */
function randomEndpoint(c: Chooser): Endpoint {
  const link = c.weighted<(typeof links)[number]>([
    [4, links[1]],
    [2, links[0]],
    [1, links[2]],
  ]);
  const nodeName = link === links[1] ? NODE : 'node2';
  const zone = nodeName === NODE ? zones[0] : c.of(zones);
  return {
    addresses: [c.oneIn(15) ? routerAddress(link) : address(link.net, c.of(hosts))],
    nodeName,
    zone,
    ...randomConditions(c),
    ...(c.oneIn(3) && { hints: { forZones: [{ name: c.of(zones) }], ...(c.oneIn(2) && { forNodes: [{ name: nodeName }] }) } }),
  };
}

const randomConditions = (c: Chooser): Pick<Endpoint, 'conditions'> =>
  c.weighted([
    [6, {}],
    [1, { conditions: { ready: false } }],
    [1, { conditions: { ready: false, serving: true, terminating: true } }],
    [1, { conditions: { ready: false, serving: false, terminating: true } }],
  ]);

function changedSlice(c: Chooser, slice: EndpointSlice): EndpointSlice {
  const kept = slice.endpoints
    .filter(() => !c.oneIn(3))
    .map(e => (c.oneIn(3) ? { ...e, conditions: undefined!, ...randomConditions(c) } : e));
  const endpoints = [...kept, ...(c.oneIn(2) ? [randomEndpoint(c)] : [])].map(({ conditions, ...rest }) =>
    conditions ? { ...rest, conditions } : rest,
  );
  return { ...slice, endpoints };
}

/** kubeproxy/misc: single facts, each kind with its check by `topic`. */
import { parseIp } from '../../../src/base/ip.ts';
import { EndpointsChangeTracker, type EndpointsMap, localReadyEndpoints } from '../../../src/proxy/endpoint-slices.ts';
import { MemorySink } from '../../../src/proxy/iptables/memory-sink.ts';
import { restoreText } from '../../../src/proxy/iptables/restore.ts';
import { probability } from '../../../src/proxy/iptables/rule.ts';
import { healthCheckNodePorts, ServiceChangeTracker, type ServicePortMap } from '../../../src/proxy/service-map.ts';
import { all } from '../fields.ts';
import { type ConfigCase, configOf, ProxyNode, type ServiceCase, type SliceCase, serviceOf, sliceOf } from '../net/proxy-node.ts';
import { defineSet, expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';

interface Case {
  readonly id: string;
  readonly topic: string;
  readonly expect?: unknown;
  readonly [field: string]: unknown;
}

const NODE = { name: 'test-node', ip: '192.168.0.2', ips: ['192.168.0.2'], podCIDR: '10.0.0.0/8' };
const CONFIG: ConfigCase = {
  ipFamily: 'IPv4',
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  localDetector: 'podCIDR',
  localhostNodePorts: true,
  nodePortAddresses: null,
  conntrackTCPLiberal: false,
  randomFully: false,
  nfacctCounters: [],
};
const SYNC_PERIOD_MS = 30_000;

const topics: Readonly<Record<string, (c: Case) => Verdict | Promise<Verdict>>> = {
  'statistic-probability': checkProbability,
  'service-map': checkServiceMap,
  'no-local-endpoints-metric': checkNoLocalEndpoints,
  'large-cluster': checkLargeCluster,
  'local-ready-endpoints': checkLocalReady,
};

function checkProbability(c: Case): Verdict {
  if (typeof c.endpointsLeft === 'number') return expectSame('probability', c.expect, probability(c.endpointsLeft));
  for (let i = c.rangeFrom as number; i < (c.rangeTo as number); i++)
    if (Number(probability(i)) <= Number(probability(i + 1))) return failed(`probability(${i}) is not above probability(${i + 1})`);
  return passed;
}

/** The case says how many ports there are and not which: any will do. */
function checkServiceMap(c: Case): Verdict {
  const [namespace, name] = (c.service as string).split('/');
  const count = Math.max(c.expectServicePorts as number, c.clusterIP === 'None' ? 1 : 0);
  const service = serviceOf({
    namespace: namespace!,
    name: name!,
    type: c.type as 'ClusterIP',
    clusterIP: c.clusterIP as string,
    externalTrafficPolicy: c.externalTrafficPolicy as 'Cluster',
    ports: Array.from({ length: count }, (_, i) => ({ name: `port${i}`, protocol: 'UDP', port: 1000 + i })),
    ...(c.healthCheckNodePort === null ? {} : { healthCheckNodePort: c.healthCheckNodePort as number }),
  });
  const map: ServicePortMap = new Map();
  const tracker = new ServiceChangeTracker({ family: 'IPv4', loadBalancerIPMode: true, log: () => {} });
  tracker.update(undefined, service);
  tracker.apply(map);
  const checked = healthCheckNodePorts(map).get(c.service as string) ?? null;
  return all([expectSame('ports', c.expectServicePorts, map.size), expectSame('health check', c.expectHealthCheckNodePort, checked)]);
}

async function checkNoLocalEndpoints(c: Case): Promise<Verdict> {
  const service = c.service as ServiceCase;
  const nodes = c.endpointNodes as readonly string[];
  const proxy = new ProxyNode(configOf(NODE, CONFIG), new MemorySink());
  proxy.addService(service);
  proxy.addSlice({
    namespace: service.namespace,
    service: service.name,
    name: `${service.name}-1`,
    addressType: 'IPv4',
    ports: service.ports.map(p => ({ name: p.name, protocol: p.protocol, port: p.port })),
    endpoints: (c.endpointIPs as readonly string[]).map((ip, i) => ({ addresses: [ip], nodeName: nodes[i]! })),
  });
  await proxy.proxier.sync();
  const expect = c.expect as Record<string, number>;
  const count = (policy: string): number => proxy.proxier.metrics.get('noLocalEndpoints', { traffic_policy: policy });
  return all([
    expectSame('internal', expect.servicesWithoutLocalEndpointsInternal, count('internal')),
    expectSame('external', expect.servicesWithoutLocalEndpointsExternal, count('external')),
  ]);
}

/** So many endpoints that kube-proxy counts the cluster as large; then one Service goes, soon after a clean-up or long after it. */
async function checkLargeCluster(c: Case): Promise<Verdict> {
  const { deleteServiceAfterSyncPeriod, service, endpoint } = c.expect as Record<string, unknown>;
  const [, namespace, name, portName] = /^(.*)\/(.*):(.*)$/.exec(service as string)!;
  const [, ip, port] = /^(.*):(\d+)$/.exec(endpoint as string)!;
  const proxy = new ProxyNode(configOf(NODE, CONFIG), new MemorySink());
  const add = (
    ns: string,
    service: string,
    clusterIP: string,
    ports: { name: string; port: number },
    addresses: readonly string[],
  ): void => {
    proxy.addService({ namespace: ns, name: service, clusterIP, ports: [{ ...ports, protocol: 'TCP' }] });
    const slice: SliceCase = {
      namespace: ns,
      service,
      name: `${service}-1`,
      addressType: 'IPv4',
      ports: [{ ...ports, protocol: 'TCP' }],
      endpoints: addresses.map(a => ({ addresses: [a] })),
    };
    proxy.addSlice(slice);
  };
  const many = Array.from({ length: (c.thresholdEndpoints as number) + 1 }, (_, i) => `10.100.${i >> 8}.${i & 255}`);
  add('ns1', 'svc1', '172.30.0.41', { name: 'p80', port: 80 }, many);
  add(namespace!, name!, '172.30.0.45', { name: portName!, port: Number(port) }, [parseIp(ip!)!.text]);
  await proxy.proxier.sync();
  proxy.deleteService(`${namespace}/${name}`);
  const deletions = async (): Promise<string[]> => {
    const { restore } = await proxy.proxier.sync();
    return restoreText(restore!)
      .split('\n')
      .filter(line => line.startsWith('-X'));
  };
  proxy.clock.advance(SYNC_PERIOD_MS / 2);
  const soon = await deletions();
  proxy.clock.advance(SYNC_PERIOD_MS);
  const later = await deletions();
  return all([
    expectSame('deleted soon after a clean-up', [], soon),
    expectSame('deleted later', [...(deleteServiceAfterSyncPeriod as string[])].sort(), later.sort()),
  ]);
}

function checkLocalReady(c: Case): Verdict {
  const tracker = new EndpointsChangeTracker({ family: 'IPv4', nodeName: NODE.name, nodeHints: true, log: () => {} });
  const map: EndpointsMap = new Map();
  tracker.update(sliceOf(c.slice as SliceCase), false);
  tracker.apply(map);
  return expectSame('Services with local ready endpoints', c.expectServicesWithLocalReady, localReadyEndpoints(map).size);
}

export const misc = defineSet<Case>('kubeproxy/misc', c => topics[c.topic]?.(c) ?? unsupported(`topic "${c.topic}"`));

/** A kube-proxy on one node for tests: objects in the short form of the conformance cases, rules kept in memory. */
import { DEFAULT_VERSION, dialectOf, type ProxyConfig } from '../../src/proxy/iptables/config.ts';
import { MemorySink } from '../../src/proxy/iptables/memory-sink.ts';
import { ruleText } from '../../src/proxy/iptables/rule-text.ts';
import { type ConfigCase, configOf, ProxyNode, type ServiceCase, type SliceCase } from '../conformance/net/proxy-node.ts';

export const NODE = { name: 'node1', ip: '192.168.56.11', ips: ['192.168.56.11'], podCIDR: '10.244.0.0/16' };
const CONFIG: ConfigCase = {
  ipFamily: 'IPv4',
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  localDetector: 'podCIDR',
  localhostNodePorts: true,
  nodePortAddresses: null,
  conntrackTCPLiberal: false,
  randomFully: true,
  nfacctCounters: [],
};

export interface TestProxy {
  readonly proxy: ProxyNode;
  readonly sink: MemorySink;
  /** Lines of a chain. */
  chain(table: 'filter' | 'nat', name: string): string[];
}

export function testProxy(
  config: Partial<ConfigCase> = {},
  more: Partial<ProxyConfig> = {},
  sink = new MemorySink(config.nfacctCounters),
): TestProxy {
  const proxy = new ProxyNode({ ...configOf(NODE, { ...CONFIG, ...config }), dialect: dialectOf(DEFAULT_VERSION), ...more }, sink);
  return { proxy, sink, chain: (table, name) => (sink.state.tables[table].get(name) ?? []).map(ruleText) };
}

export const web = (more: Partial<ServiceCase> = {}): ServiceCase => ({
  namespace: 'default',
  name: 'web',
  clusterIP: '10.96.0.10',
  ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
  ...more,
});
export const webSlice = (addresses: readonly string[], more: Partial<SliceCase> = {}): SliceCase => ({
  namespace: 'default',
  service: 'web',
  name: 'web-1',
  addressType: 'IPv4',
  ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
  endpoints: addresses.map(a => ({ addresses: [a] })),
  ...more,
});

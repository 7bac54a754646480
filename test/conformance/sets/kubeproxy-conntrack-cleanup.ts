/** kubeproxy/conntrack-cleanup: which entries go when the endpoints of a Service have changed. */

import { MemorySink } from '../../../src/proxy/iptables/memory-sink.ts';
import type { ConntrackFlow, ConntrackTable } from '../../../src/proxy/stale-entries.ts';
import { all, refuseUnknown } from '../fields.ts';
import { type ConfigCase, configOf, ProxyNode, type ServiceCase, type SliceCase } from '../net/proxy-node.ts';
import { type ConformanceFile, defineSet, expectSame, unsupported, type Verdict } from '../set.ts';

interface FlowCase {
  readonly protocol: string;
  readonly originalDstIP: string | null;
  readonly originalDstPort: number;
  readonly replySrcIP: string;
  readonly replySrcPort: number;
}
export interface CleanupCase {
  readonly id: string;
  readonly kind: string;
  readonly flow?: FlowCase;
  readonly entries?: readonly (FlowCase & { readonly expectKept?: boolean })[];
  readonly expectKept?: boolean;
}
interface File extends ConformanceFile<CleanupCase> {
  readonly setup: {
    readonly service: ServiceCase;
    readonly endpoints: readonly { readonly address: string; readonly serving: boolean }[];
    readonly endpointPort: number;
  };
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

const flowOf = (f: FlowCase): ConntrackFlow => ({
  protocol: f.protocol,
  originalDst: f.originalDstIP ?? NODE.ip,
  originalDstPort: f.originalDstPort,
  replySrc: f.replySrcIP,
  replySrcPort: f.replySrcPort,
});

/** A table with the entries of a case. */
export interface CleanedTable {
  readonly conntrack: ConntrackTable;
  has(flow: ConntrackFlow): boolean;
}

function tableInMemory(entries: readonly ConntrackFlow[]): CleanedTable {
  const table = new Set(entries);
  const remove = (flows: readonly ConntrackFlow[]): number => flows.filter(f => table.delete(f)).length;
  return { conntrack: { list: () => table, delete: remove }, has: flow => table.has(flow) };
}

/** One sync with the endpoints of the case. */
async function clean({ setup }: File, conntrack: ConntrackTable, served: boolean): Promise<void> {
  const proxy = new ProxyNode(configOf(NODE, CONFIG), new MemorySink(), conntrack);
  const { service, endpoints, endpointPort } = setup;
  proxy.addService(service);
  proxy.addSlice({
    namespace: service.namespace,
    service: service.name,
    name: `${service.name}-1`,
    addressType: 'IPv4',
    ports: service.ports.map(p => ({ name: p.name, protocol: p.protocol, port: endpointPort })),
    endpoints: endpoints.map(e => ({ addresses: [e.address], conditions: { ready: e.serving && served, serving: e.serving && served } })),
  } satisfies SliceCase);
  await proxy.proxier.sync();
}

/** @param tableOf makes a table of entries */
export async function checkCleanup(
  c: CleanupCase,
  file: ConformanceFile,
  tableOf: (entries: readonly ConntrackFlow[]) => CleanedTable,
): Promise<Verdict> {
  const stranger = refuseUnknown('case', c, ['kind', 'flow', 'entries', 'expectKept']);
  if (stranger) return stranger;
  const served = c.kind !== 'service-without-endpoints';
  const cases = c.entries ?? (c.flow ? [c.flow] : []);
  if (cases.length === 0 || !['dnat', 'no-dnat', 'service-without-endpoints'].includes(c.kind)) return unsupported(`kind "${c.kind}"`);
  const flows = cases.map(flowOf);
  const table = tableOf(flows);
  await clean(file as File, table.conntrack, served);
  return all(
    flows.map((flow, i) => {
      const { expectKept } = { expectKept: c.expectKept, ...cases[i] } as { expectKept?: boolean };
      return expectSame(`entry to ${flow.originalDst}:${flow.originalDstPort} kept`, expectKept ?? !served, table.has(flow));
    }),
  );
}

export const conntrackCleanup = defineSet<CleanupCase>('kubeproxy/conntrack-cleanup', (c, file) => checkCleanup(c, file, tableInMemory));

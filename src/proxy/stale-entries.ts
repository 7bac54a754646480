/**
 * Conntrack entries of UDP Services that lead to an endpoint that is no more (kubernetes `pkg/proxy/conntrack/cleanup.go`). A UDP flow
 * that goes on keeps its entry alive, so that nobody would ever answer it. TCP finds out by itself, and entries are left alone.
 */
import { joinHostPort } from '../base/ip.ts';
import type { EndpointsMap } from './endpoint-slices.ts';
import type { ServicePortMap } from './service-map.ts';

/** One entry of the table: where it was sent to, and who answers. */
export interface ConntrackFlow {
  readonly protocol: string;
  readonly originalDst: string;
  readonly originalDstPort: number;
  readonly replySrc: string;
  readonly replySrcPort: number;
}

/** A conntrack table that is handed in: of the router, or of the kernel in a node's namespace. */
export interface ConntrackTable<Flow extends ConntrackFlow = ConntrackFlow> {
  /** Of UDP at least. */
  list(): Iterable<Flow> | Promise<Iterable<Flow>>;
  /** @returns how many were deleted */
  delete(flows: readonly Flow[]): number | Promise<number>;
}

/** Who may answer, by address and port that was asked for, and by node port. */
interface Frontends {
  readonly addresses: ReadonlyMap<string, ReadonlySet<string>>;
  readonly nodePorts: ReadonlyMap<number, ReadonlySet<string>>;
}

/** @param byPort an endpoint is known by address and port; false: by its address alone, as older releases do */
export function staleFlows<Flow extends ConntrackFlow>(
  flows: Iterable<Flow>,
  services: ServicePortMap,
  endpoints: EndpointsMap,
  byPort: boolean,
): Flow[] {
  const { addresses, nodePorts } = frontends(services, endpoints, byPort);
  const stale: Flow[] = [];
  for (const flow of flows) {
    if (flow.protocol.toUpperCase() !== 'UDP') continue;
    const answers = byPort ? joinHostPort(flow.replySrc, flow.replySrcPort) : flow.replySrc;
    const byAddress = addresses.get(joinHostPort(flow.originalDst, flow.originalDstPort));
    const byNodePort = nodePorts.get(flow.originalDstPort);
    if (byAddress?.has(answers) === false || byNodePort?.has(answers) === false) stale.push(flow);
  }
  return stale;
}

/** Policies, hints and the end of a pod do not count: a flow that stands goes on. A Service that nobody serves is not looked at. */
function frontends(services: ServicePortMap, endpoints: EndpointsMap, byPort: boolean): Frontends {
  const addresses = new Map<string, ReadonlySet<string>>();
  const nodePorts = new Map<number, ReadonlySet<string>>();
  for (const [key, port] of services) {
    if (port.protocol !== 'UDP') continue;
    const serving = new Set<string>();
    for (const e of endpoints.get(key) ?? []) if (e.serving) serving.add(byPort ? e.text : e.ip);
    if (serving.size === 0) continue;
    const all = [port.clusterIP, ...port.loadBalancerVIPs.map(a => a.text), ...port.externalIPs.map(a => a.text)];
    for (const address of all) addresses.set(joinHostPort(address, port.port), serving);
    if (port.nodePort !== 0) nodePorts.set(port.nodePort, serving);
  }
  return { addresses, nodePorts };
}

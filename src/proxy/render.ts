/** The rules of a node from objects alone: what kube-proxy would write on a node that has none yet. Needs no node, and no privilege. */
import { VirtualClock } from '../base/clock.ts';
import { type IpFamily, parseIp } from '../base/ip.ts';
import {
  type ClusterObject,
  type EndpointSlice,
  type Node,
  objectName,
  SERVICE_NAME_LABEL,
  type Service,
  ZONE_LABEL,
} from '../cluster/objects/types.ts';
import type { ChainState } from './iptables/chain-state.ts';
import type { ProxyConfig } from './iptables/config.ts';
import { MemorySink } from './iptables/memory-sink.ts';
import { Proxier } from './iptables/proxier.ts';
import type { Restore } from './iptables/restore.ts';

export interface Rendered {
  readonly restore: Restore;
  /** With the jumps from the built-in chains, and the canaries. */
  readonly state: ChainState;
  /** `namespace/name:port` of the ports that have rules. */
  readonly ports: ReadonlySet<string>;
  /** What was left out, and why. */
  readonly log: readonly string[];
}

/** @param counters accounting objects that exist on the node */
export async function renderRules(objects: Iterable<ClusterObject>, config: ProxyConfig, counters: Iterable<string>): Promise<Rendered> {
  const log: string[] = [];
  const sink = new MemorySink(counters);
  const proxier = new Proxier(config, { sink, clock: new VirtualClock(), log: line => void log.push(line) });
  const { services, slices } = latest(objects, log);
  for (const service of services.values()) {
    if (isUnallocated(service)) log.push(`${objectName(service)}: no spec.clusterIP, which the API server would give it: left out`);
    proxier.updateService(undefined, service);
  }
  for (const slice of slices.values()) {
    const service = `${slice.metadata.namespace}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ''}`;
    if (!service.endsWith('/') && !services.has(service)) log.push(`${objectName(slice)}: there is no Service ${service}: left out`);
    proxier.updateSlice(slice);
  }
  const { ok, restore } = await proxier.sync();
  if (!ok || restore === undefined) throw new Error(log.at(-1));
  return { restore, state: sink.state, ports: new Set([...proxier.services.values()].map(p => p.name)), log };
}

const isUnallocated = ({ spec }: Service): boolean => spec.clusterIP === '' && spec.type !== 'ExternalName';

/** By name. Of two with the same name the later one counts, as when both are applied. */
function latest(objects: Iterable<ClusterObject>, log: string[]): { services: Map<string, Service>; slices: Map<string, EndpointSlice> } {
  const services = new Map<string, Service>();
  const slices = new Map<string, EndpointSlice>();
  const put = <T extends Service | EndpointSlice>(map: Map<string, T>, object: T): void => {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    if (map.has(key)) log.push(`${objectName(object)} is there more than once: the last one counts`);
    map.set(key, object);
  };
  for (const object of objects) {
    if (object.kind === 'Service') put(services, object);
    else if (object.kind === 'EndpointSlice') put(slices, object);
  }
  return { services, slices };
}

/** What a Node object says to the configuration of its proxy. */
export function nodeConfig(node: Node, family: IpFamily): Pick<ProxyConfig, 'nodeName' | 'nodeIp' | 'zone' | 'localIps'> {
  const loopback = parseIp(family === 'IPv4' ? '127.0.0.1' : '::1')!;
  const addresses = node.status.addresses
    .filter(a => a.type === 'InternalIP' || a.type === 'ExternalIP')
    .sort((a, b) => (a.type === b.type ? 0 : a.type === 'InternalIP' ? -1 : 1))
    .map(a => parseIp(a.address))
    .filter(ip => ip?.family === family)
    .map(ip => ip!);
  return {
    nodeName: node.metadata.name,
    nodeIp: addresses[0],
    zone: node.metadata.labels?.[ZONE_LABEL] ?? '',
    localIps: [loopback, ...addresses],
  };
}

/** The rules of a node from objects alone: what kube-proxy would write on a node that has none yet. Needs no node, and no privilege. */
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
import { EndpointsChangeTracker, type EndpointsMap } from './endpoint-slices.ts';
import { baseJumps, canaryTables, kubeletJumps } from './iptables/base-jumps.ts';
import { ChainState } from './iptables/chain-state.ts';
import { isLargeCluster, RuleCompiler } from './iptables/compile.ts';
import { environmentOf, type ProxyConfig } from './iptables/config.ts';
import type { Restore } from './iptables/restore.ts';
import { ServiceChangeTracker, type ServicePortMap } from './service-map.ts';

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
export function renderRules(objects: Iterable<ClusterObject>, config: ProxyConfig, counters: Iterable<string> = []): Rendered {
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const { services, endpoints } = tracked(objects, config, log);
  const env = environmentOf(config, new Set(counters), isLargeCluster(services, endpoints));
  const { restore } = new RuleCompiler().compile({ services, endpoints, env, changed: undefined, standing: undefined, log });
  const state = new ChainState();
  // The kubelet is there before kube-proxy, which leaves the jumps where it finds them.
  state.ensureBase(kubeletJumps, []);
  state.ensureBase(baseJumps, canaryTables);
  state.restore(restore);
  return { restore, state, ports: new Set([...services.values()].map(p => p.name)), log: lines };
}

function tracked(
  objects: Iterable<ClusterObject>,
  { family, nodeName, loadBalancerIPMode, dialect }: ProxyConfig,
  log: (line: string) => void,
): { services: ServicePortMap; endpoints: EndpointsMap } {
  const serviceChanges = new ServiceChangeTracker({ family, loadBalancerIPMode, log });
  const endpointChanges = new EndpointsChangeTracker({ family, nodeName, nodeHints: dialect.nodeHints, log });
  const found = latest(objects, log);
  for (const service of found.services.values()) {
    if (isUnallocated(service)) log(`${objectName(service)}: no spec.clusterIP, which the API server would give it: left out`);
    serviceChanges.update(undefined, service);
  }
  for (const slice of found.slices.values()) {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (service && !found.services.has(`${slice.metadata.namespace}/${service}`))
      log(`${objectName(slice)}: there is no Service ${slice.metadata.namespace}/${service}: left out`);
    endpointChanges.update(slice, false);
  }
  const services: ServicePortMap = new Map();
  const endpoints: EndpointsMap = new Map();
  serviceChanges.apply(services);
  endpointChanges.apply(endpoints);
  return { services, endpoints };
}

const isUnallocated = ({ spec }: Service): boolean => spec.clusterIP === '' && spec.type !== 'ExternalName';

/** By name. Of two with the same name the later one counts, as when both are applied. */
function latest(
  objects: Iterable<ClusterObject>,
  log: (line: string) => void,
): { services: Map<string, Service>; slices: Map<string, EndpointSlice> } {
  const services = new Map<string, Service>();
  const slices = new Map<string, EndpointSlice>();
  const put = <T extends Service | EndpointSlice>(map: Map<string, T>, object: T): void => {
    const key = `${object.metadata.namespace}/${object.metadata.name}`;
    if (map.has(key)) log(`${objectName(object)} is there more than once: the last one counts`);
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

/**
 * Which endpoints a Service's port may use on this node (kubernetes `pkg/proxy/topology.go`): ready ones; where there are none, those
 * that end but still serve, decided for the policies Cluster and Local on their own; hints for the node, then for its zone, when every
 * ready endpoint has one and at least one is for here.
 */
import type { EndpointInfo } from './endpoint-slices.ts';
import { type ServicePortInfo, usesClusterEndpoints, usesLocalEndpoints } from './service-port.ts';

export interface NodeTopology {
  readonly nodeName: string;
  /** Value of the node's zone label; empty without. */
  readonly zone: string;
  /** Hints for nodes are looked at. */
  readonly nodeHints: boolean;
  /** Hints count only with the annotation `topology-mode: Auto`. */
  readonly hintsNeedAnnotation: boolean;
}

export interface EndpointChoice {
  /** For policy Cluster; undefined: never used. */
  readonly cluster: readonly EndpointInfo[] | undefined;
  /** For policy Local; undefined: never used. */
  readonly local: readonly EndpointInfo[] | undefined;
  /** Both together: those that this node may send to. */
  readonly all: readonly EndpointInfo[];
  /** Is there one to be used anywhere in the cluster? */
  readonly hasAny: boolean;
}

const terminates = (e: EndpointInfo): boolean => e.serving && e.terminating;

export function chooseEndpoints(endpoints: readonly EndpointInfo[], port: ServicePortInfo, node: NodeTopology): EndpointChoice {
  const [usesCluster, usesLocal] = [usesClusterEndpoints(port), usesLocalEndpoints(port)];
  const accepts = usesCluster ? topologyFilter(endpoints, port, node) : undefined;
  const cluster = usesCluster ? clusterEndpoints(endpoints, accepts) : undefined;
  if (!usesLocal) return { cluster, local: undefined, all: cluster ?? [], hasAny: (cluster?.length ?? 0) > 0 };
  const readyHere = endpoints.filter(e => e.isLocal && e.ready);
  const local = readyHere.length > 0 ? readyHere : endpoints.filter(e => e.isLocal && !e.ready && terminates(e));
  const hasAny = endpoints.some(e => e.ready || terminates(e));
  if (cluster === undefined) return { cluster, local, all: local, hasAny };
  // Without hints the ready ones of this node are among those of the cluster.
  const contained = accepts === undefined && (readyHere.length > 0 || local.length === 0);
  return { cluster, local, all: contained ? cluster : union(cluster, local), hasAny };
}

function clusterEndpoints(endpoints: readonly EndpointInfo[], accepts: Filter | undefined): readonly EndpointInfo[] {
  const ready = accepts || !endpoints.every(e => e.ready) ? endpoints.filter(e => e.ready && (accepts?.(e) ?? true)) : endpoints;
  return ready.length > 0 ? ready : endpoints.filter(terminates);
}

type Filter = (e: EndpointInfo) => boolean;

/** @returns undefined when hints do not decide */
function topologyFilter(endpoints: readonly EndpointInfo[], port: ServicePortInfo, node: NodeTopology): Filter | undefined {
  const { nodeName, zone } = node;
  if (node.hintsNeedAnnotation && !/^auto$/i.test(port.hintsAnnotation)) return undefined;
  const forNode: Filter = e => e.nodeHints?.has(nodeName) === true;
  const forZone: Filter = e => e.zoneHints?.has(zone) === true;
  let [ready, allNode, anyNode, allZone, anyZone] = [false, true, false, true, false];
  for (const e of endpoints) {
    if (!e.ready) continue;
    ready = true;
    if (e.nodeHints === undefined) allNode = false;
    else anyNode ||= forNode(e);
    if (e.zoneHints === undefined) allZone = false;
    else anyZone ||= forZone(e);
  }
  if (!ready) return undefined;
  if (node.nodeHints && allNode && anyNode) return forNode;
  return allZone && anyZone ? forZone : undefined;
}

/** Sorted as each of them is. */
function union(a: readonly EndpointInfo[], b: readonly EndpointInfo[]): EndpointInfo[] {
  const byText = new Map([...a, ...b].map(e => [e.text, e]));
  return [...byText.values()].sort((x, y) => (x.text < y.text ? -1 : 1));
}

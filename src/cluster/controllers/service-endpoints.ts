/** The endpoints that a Service has at this moment: its selector, the pods that match, their ports and conditions. Pure. */
import type { Node } from '../schema/cluster.ts';
import type { Service, ServicePort, SliceEndpoint, SlicePort } from '../schema/networking.ts';
import type { Pod } from '../schema/pod.ts';
import type { Draft } from '../store/object.ts';
import { hasEnded, isReady, isTerminating } from './pod-state.ts';

const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** Endpoints that have the same ports: they may share slices. */
export interface EndpointGroup {
  readonly ports: readonly Draft<SlicePort>[];
  readonly endpoints: readonly Draft<SliceEndpoint>[];
}

/** k/k `pkg/controller/endpointslice` and `staging/src/k8s.io/endpointslice/utils.go`. */
export function endpointGroups(service: Service, pods: readonly Pod[], nodeOf: (name: string) => Node | undefined): EndpointGroup[] {
  const groups = new Map<string, { ports: Draft<SlicePort>[]; endpoints: Draft<SliceEndpoint>[] }>();
  for (const pod of pods) {
    const address = pod.status?.podIP ?? '';
    if (address === '' || hasEnded(pod) || address.includes(':')) continue;
    const ports = slicePorts(service, pod);
    if (ports === undefined) continue;
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    groups.set(key, group);
    group.endpoints.push(endpointOf(service, pod, address, nodeOf(pod.spec?.nodeName ?? '')));
  }
  return [...groups.values()];
}

function endpointOf({ metadata, spec }: Service, pod: Pod, address: string, node: Node | undefined): Draft<SliceEndpoint> {
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const zone = node?.metadata.labels?.[ZONE_LABEL];
  const { namespace, name, uid } = pod.metadata;
  const { hostname = '', subdomain = '', nodeName = '' } = pod.spec ?? {};
  const isNamed = hostname !== '' && subdomain === metadata.name && namespace === metadata.namespace;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(isNamed ? { hostname } : {}),
    ...(nodeName === '' ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    targetRef: { kind: 'Pod', namespace: namespace!, name: name!, uid: uid! },
  };
}

/** @returns undefined when the pod has none of the ports; [] for a headless Service without ports */
function slicePorts({ spec }: Service, pod: Pod): Draft<SlicePort>[] | undefined {
  const wanted = spec?.ports ?? [];
  const found = wanted.flatMap(port => {
    const number = targetPort(port, pod);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        protocol: port.protocol ?? 'TCP',
        port: number,
        ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol }),
      } as Draft<SlicePort>,
    ];
  });
  return wanted.length > 0 && found.length === 0 ? undefined : found;
}

/** The number that a port of the Service leads to in this pod; undefined: it has no port of that name. */
export function targetPort({ targetPort: target, port, protocol = 'TCP' }: ServicePort, pod: Pod): number | undefined {
  if (target === undefined || target === 0) return port;
  if (typeof target === 'number') return target;
  for (const container of pod.spec?.containers ?? [])
    for (const each of container.ports ?? []) if (each.name === target && (each.protocol ?? 'TCP') === protocol) return each.containerPort;
  return undefined;
}

/** A Service from its fields, with the defaults of the API server (`pkg/apis/core/v1/defaults.go`). Allocates nothing. */
import { type IpFamily, parseIp } from '../../base/ip.ts';
import { readMeta } from './meta.ts';
import { present, type Shape } from './shape.ts';
import type { LoadBalancerIngress, Service, ServicePort, ServiceSpec, ServiceType } from './types.ts';

/** What ClientIP affinity lasts unless told otherwise: three hours. */
export const DEFAULT_AFFINITY_SECONDS = 10_800;

export function readService(shape: Shape): Service {
  const status = shape.object('status').object('loadBalancer');
  return {
    kind: 'Service',
    metadata: readMeta(shape, 'namespaced'),
    spec: readSpec(shape.object('spec')),
    status: { loadBalancer: { ingress: status.objects('ingress').map(readIngress) } },
  };
}

function readSpec(spec: Shape): ServiceSpec {
  const type = spec.word<ServiceType>('type') ?? 'ClusterIP';
  const external = type === 'NodePort' || type === 'LoadBalancer';
  const sessionAffinity = spec.word<ServiceSpec['sessionAffinity']>('sessionAffinity') ?? 'None';
  const clusterIPs = spec.texts('clusterIPs');
  const clusterIP = spec.text('clusterIP') ?? clusterIPs?.[0] ?? '';
  return present<ServiceSpec>({
    type,
    clusterIP,
    clusterIPs: clusterIPs ?? (clusterIP === '' ? undefined : [clusterIP]),
    ipFamilies: (spec.texts('ipFamilies') as IpFamily[] | undefined) ?? familiesOf(clusterIPs ?? [clusterIP]),
    ipFamilyPolicy: spec.word('ipFamilyPolicy'),
    ports: spec.objects('ports').map(readPort),
    selector: spec.record('selector'),
    externalIPs: spec.texts('externalIPs'),
    externalName: spec.text('externalName'),
    externalTrafficPolicy: spec.word('externalTrafficPolicy') ?? (external ? 'Cluster' : undefined),
    internalTrafficPolicy: spec.word('internalTrafficPolicy') ?? (type === 'ExternalName' ? undefined : 'Cluster'),
    healthCheckNodePort: spec.integer('healthCheckNodePort'),
    loadBalancerSourceRanges: spec.texts('loadBalancerSourceRanges'),
    sessionAffinity,
    sessionAffinityConfig: readAffinity(spec, sessionAffinity),
    trafficDistribution: spec.text('trafficDistribution'),
    publishNotReadyAddresses: spec.truth('publishNotReadyAddresses'),
  });
}

function readPort(shape: Shape): ServicePort {
  const port = shape.integer('port') ?? 0;
  return present<ServicePort>({
    name: shape.text('name') ?? '',
    protocol: shape.word('protocol') ?? 'TCP',
    port,
    targetPort: shape.integerOrText('targetPort') ?? port,
    nodePort: shape.integer('nodePort'),
    appProtocol: shape.text('appProtocol'),
  });
}

function readAffinity(spec: Shape, affinity: string): ServiceSpec['sessionAffinityConfig'] {
  const timeoutSeconds = spec.object('sessionAffinityConfig').object('clientIP').integer('timeoutSeconds');
  if (affinity === 'ClientIP') return { clientIP: { timeoutSeconds: timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS } };
  if (!spec.has('sessionAffinityConfig')) return undefined;
  return timeoutSeconds === undefined ? {} : { clientIP: { timeoutSeconds } };
}

function readIngress(shape: Shape): LoadBalancerIngress {
  const ip = shape.text('ip');
  return present<LoadBalancerIngress>({
    ip,
    hostname: shape.text('hostname'),
    ipMode: shape.word('ipMode') ?? (ip === undefined || ip === '' ? undefined : 'VIP'),
  });
}

/** Undefined for a Service without addresses: then nobody has said a family. */
function familiesOf(addresses: readonly string[]): IpFamily[] | undefined {
  const families = addresses.map(a => parseIp(a)?.family).filter(f => f !== undefined);
  return families.length === 0 ? undefined : families;
}

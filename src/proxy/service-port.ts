/**
 * One port of a Service as kube-proxy sees it for one IP family (kubernetes `pkg/proxy/serviceport.go`). Addresses that are none, or are
 * of the other family, are left out.
 */
import { type IpFamily, type IpNetwork, parseIp, parseNetwork } from '../base/ip.ts';
import type { Protocol, Service, ServicePort } from '../cluster/objects/types.ts';

/** An address, and the field of the Service it stands in. */
export interface FieldAddress {
  readonly text: string;
  readonly field: string;
}

export interface ServicePortInfo {
  /** `namespace/name` */
  readonly service: string;
  /** `namespace/name:port`, or `namespace/name` when the port has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  /** `spec.ports[0]` */
  readonly field: string;
  readonly clusterIP: string;
  readonly port: number;
  /** 0: none. */
  readonly nodePort: number;
  readonly externalIPs: readonly FieldAddress[];
  /** Of load balancers that leave the destination address as it is. */
  readonly loadBalancerVIPs: readonly FieldAddress[];
  readonly sourceRanges: readonly (IpNetwork & { readonly field: string })[];
  readonly clientIpAffinity: boolean;
  /** 0 without affinity. */
  readonly stickySeconds: number;
  readonly externalPolicyLocal: boolean;
  readonly internalPolicyLocal: boolean;
  /** 0: none. */
  readonly healthCheckNodePort: number;
  /** Of the annotation that old releases ask for before they look at hints. */
  readonly hintsAnnotation: string;
}

/** Key of a port among all Services. A port of the same name and another protocol is another port. */
export const servicePortKey = (name: string, protocol: Protocol): string => `${name}/${protocol}`;

/** Reachable by something else than its cluster IP? */
export const externallyAccessible = (p: ServicePortInfo): boolean =>
  p.nodePort !== 0 || p.loadBalancerVIPs.length > 0 || p.externalIPs.length > 0;

/** Even with a Local policy, what comes from pods of the node goes to every endpoint. */
export const usesClusterEndpoints = (p: ServicePortInfo): boolean => !p.internalPolicyLocal || externallyAccessible(p);
export const usesLocalEndpoints = (p: ServicePortInfo): boolean =>
  p.internalPolicyLocal || (p.externalPolicyLocal && externallyAccessible(p));

export interface ServicePortOptions {
  readonly family: IpFamily;
  /** Feature LoadBalancerIPMode: without it every load balancer counts as VIP. */
  readonly loadBalancerIPMode: boolean;
  /** Gets a line for everything that is left out. */
  readonly log: (line: string) => void;
}

/** @returns nothing for a Service that is not proxied: headless, ExternalName, without an address of this family */
export function servicePorts(service: Service, options: ServicePortOptions): ServicePortInfo[] {
  const { spec } = service;
  if (spec.clusterIP === 'None' || spec.clusterIP === '' || spec.type === 'ExternalName') return [];
  const clusterIP = clusterAddress(service, options);
  if (clusterIP === undefined) return [];
  const shared = sharedFields(service, options);
  return spec.ports.map((port, i) => portInfo(service, port, i, clusterIP, shared));
}

type Shared = Omit<ServicePortInfo, 'name' | 'protocol' | 'field' | 'clusterIP' | 'port' | 'nodePort'>;

function portInfo({ metadata }: Service, port: ServicePort, i: number, clusterIP: string, shared: Shared): ServicePortInfo {
  const service = `${metadata.namespace}/${metadata.name}`;
  return {
    ...shared,
    name: port.name === '' ? service : `${service}:${port.name}`,
    protocol: port.protocol,
    field: `spec.ports[${i}]`,
    clusterIP,
    port: port.port,
    nodePort: port.nodePort ?? 0,
  };
}

function sharedFields(service: Service, options: ServicePortOptions): Shared {
  const { metadata, spec, status } = service;
  const affinity = spec.sessionAffinity === 'ClientIP';
  const local = externalPolicyLocal(service);
  return {
    service: `${metadata.namespace}/${metadata.name}`,
    externalIPs: (spec.externalIPs ?? []).flatMap((text, i) => address(text, `spec.externalIPs[${i}]`, service, options)),
    loadBalancerVIPs: status.loadBalancer.ingress.flatMap(({ ip, ipMode }, i) =>
      ip === undefined || ip === '' || (options.loadBalancerIPMode && ipMode === 'Proxy')
        ? []
        : address(ip, `status.loadBalancer.ingress[${i}].ip`, service, options),
    ),
    sourceRanges: sourceRanges(service, options),
    clientIpAffinity: affinity,
    stickySeconds: affinity ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 0) : 0,
    externalPolicyLocal: local,
    internalPolicyLocal: spec.internalTrafficPolicy === 'Local',
    healthCheckNodePort: local && spec.type === 'LoadBalancer' ? (spec.healthCheckNodePort ?? 0) : 0,
    hintsAnnotation: metadata.annotations?.['service.kubernetes.io/topology-mode'] ?? '',
  };
}

function externalPolicyLocal({ spec }: Service): boolean {
  const external =
    spec.type === 'LoadBalancer' || spec.type === 'NodePort' || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
  return external && spec.externalTrafficPolicy === 'Local';
}

/** The one of this family: without `ipFamilies` the only one there is. */
function clusterAddress(service: Service, { family, log }: ServicePortOptions): string | undefined {
  const { clusterIP, clusterIPs, ipFamilies } = service.spec;
  const i = ipFamilies?.length ? ipFamilies.indexOf(family) : 0;
  const text = ipFamilies?.length ? (clusterIPs ?? [clusterIP])[i] : clusterIP;
  if (text === undefined) return undefined;
  const ip = parseIp(text);
  if (ip === undefined) log(`${nameOf(service)}: spec.clusterIPs[${i}]: not an address: "${text}": the Service is left out`);
  return ip?.family === family ? ip.text : undefined;
}

/** Of another family: nothing, and nothing is said, for a dual-stack Service has both. */
function address(text: string, field: string, service: Service, { family, log }: ServicePortOptions): FieldAddress[] {
  const ip = parseIp(text);
  if (ip === undefined) log(`${nameOf(service)}: ${field}: not an address: "${text}": left out`);
  return ip?.family === family ? [{ text: ip.text, field }] : [];
}

/** White space around a range passes the API server, so it is taken off. */
function sourceRanges(service: Service, { family, log }: ServicePortOptions): ServicePortInfo['sourceRanges'] {
  return (service.spec.loadBalancerSourceRanges ?? []).flatMap((text, i) => {
    const field = `spec.loadBalancerSourceRanges[${i}]`;
    const network = parseNetwork(text.trim());
    if (network === undefined) log(`${nameOf(service)}: ${field}: not a network: "${text}": left out`);
    return network?.family === family ? [{ ...network, field }] : [];
  });
}

const nameOf = ({ metadata }: Service): string => `Service ${metadata.namespace}/${metadata.name}`;

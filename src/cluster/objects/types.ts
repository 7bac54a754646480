/**
 * Service, EndpointSlice and Node as Kubernetes shapes them (core/v1, discovery.k8s.io/v1): the fields that kube-proxy and its
 * readers use. What `with defaults` returns has the fields that the API server fills in. Nobody changes an object after it was read.
 */
import type { IpFamily } from '../../base/ip.ts';

export interface ObjectMeta {
  readonly name: string;
  readonly namespace: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly resourceVersion?: string;
  readonly uid?: string;
}

export const protocols = ['TCP', 'UDP', 'SCTP'] as const;
export type Protocol = (typeof protocols)[number];
export const serviceTypes = ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] as const;
export type ServiceType = (typeof serviceTypes)[number];
export const trafficPolicies = ['Cluster', 'Local'] as const;
export type TrafficPolicy = (typeof trafficPolicies)[number];
export const trafficDistributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'] as const;

export interface ServicePort {
  /** Empty when the port has no name. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly targetPort?: number | string;
  /** 0 or absent: none. */
  readonly nodePort?: number;
  readonly appProtocol?: string;
}

export interface LoadBalancerIngress {
  readonly ip?: string;
  readonly hostname?: string;
  /** Absent: VIP. */
  readonly ipMode?: 'VIP' | 'Proxy';
}

export interface ServiceSpec {
  readonly type: ServiceType;
  /** `None`: headless. Empty: none was given. */
  readonly clusterIP: string;
  readonly clusterIPs?: readonly string[];
  readonly ipFamilies?: readonly IpFamily[];
  readonly ipFamilyPolicy?: 'SingleStack' | 'PreferDualStack' | 'RequireDualStack';
  readonly ports: readonly ServicePort[];
  readonly selector?: Readonly<Record<string, string>>;
  readonly externalIPs?: readonly string[];
  readonly externalName?: string;
  readonly externalTrafficPolicy?: TrafficPolicy;
  readonly internalTrafficPolicy?: TrafficPolicy;
  readonly healthCheckNodePort?: number;
  readonly loadBalancerSourceRanges?: readonly string[];
  readonly sessionAffinity: 'None' | 'ClientIP';
  readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
  readonly trafficDistribution?: string;
  readonly publishNotReadyAddresses?: boolean;
}

export interface Service {
  readonly kind: 'Service';
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
  readonly status: { readonly loadBalancer: { readonly ingress: readonly LoadBalancerIngress[] } };
}

/** Label of an EndpointSlice that names its Service. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
/** Annotation of an EndpointSlice and of Endpoints: when what changed them happened (RFC 3339). */
export const LAST_CHANGE_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';
/** Label of a Node. */
export const ZONE_LABEL = 'topology.kubernetes.io/zone';
/** Annotation of a Service, before trafficDistribution. */
export const TOPOLOGY_MODE_ANNOTATION = 'service.kubernetes.io/topology-mode';

export const addressTypes = ['IPv4', 'IPv6', 'FQDN'] as const;
export type AddressType = (typeof addressTypes)[number];

export interface Endpoint {
  readonly addresses: readonly string[];
  /** Absent: ready is true, serving is as ready, terminating is false. */
  readonly conditions?: { readonly ready?: boolean; readonly serving?: boolean; readonly terminating?: boolean };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly hints?: { readonly forZones?: readonly { readonly name: string }[]; readonly forNodes?: readonly { readonly name: string }[] };
  readonly targetRef?: { readonly kind?: string; readonly namespace?: string; readonly name?: string };
}

export interface EndpointPort {
  readonly name?: string;
  readonly protocol?: Protocol;
  /** Absent: every port, which kube-proxy leaves out. */
  readonly port?: number;
  readonly appProtocol?: string;
}

export interface EndpointSlice {
  readonly kind: 'EndpointSlice';
  readonly metadata: ObjectMeta;
  readonly addressType: AddressType;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

export interface NodeAddress {
  readonly type: 'InternalIP' | 'ExternalIP' | 'Hostname' | 'InternalDNS' | 'ExternalDNS';
  readonly address: string;
}
export interface Node {
  readonly kind: 'Node';
  readonly metadata: ObjectMeta;
  readonly spec: { readonly podCIDR?: string; readonly podCIDRs?: readonly string[] };
  readonly status: { readonly addresses: readonly NodeAddress[] };
}

export type ClusterObject = Service | EndpointSlice | Node;

/** `Service default/web`, `Node node1`. */
export const objectName = (o: ClusterObject): string =>
  o.kind === 'Node' ? `Node ${o.metadata.name}` : `${o.kind} ${o.metadata.namespace}/${o.metadata.name}`;

/** Services: what a Service is called, what is filled in, and what of it may not change. Addresses and ports are allocated by admission. */
import { parseIp } from '../../base/ip.ts';
import { FieldErrors } from '../objects/field-errors.ts';
import { DEFAULT_AFFINITY_SECONDS, readService } from '../objects/service.ts';
import { validateService } from '../objects/service-validation.ts';
import { Shape } from '../objects/shape.ts';
import { type Service, ServiceDefinition, type ServiceSpec } from '../schema/networking.ts';
import type { Draft } from '../store/object.ts';
import type { ResourceType } from '../store/resource-type.ts';

type SpecDraft = Draft<ServiceSpec>;

/** `pkg/apis/core/v1/defaults.go`, SetDefaults_Service, and what `pkg/registry/core/service` fills in. */
function defaultService(draft: Draft<Service>): void {
  draft.spec ??= {};
  const spec = draft.spec;
  spec.sessionAffinity ??= 'None';
  spec.type ??= 'ClusterIP';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP') spec.sessionAffinityConfig ??= { clientIP: { timeoutSeconds: DEFAULT_AFFINITY_SECONDS } };
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (port.targetPort === undefined || port.targetPort === '' || port.targetPort === 0) port.targetPort = port.port;
    if (port.nodePort === 0) delete port.nodePort;
    if (port.name === '') delete port.name;
  }
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  if (external || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0)) spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
  for (const ingress of draft.status?.loadBalancer?.ingress ?? [])
    if (ingress.ip !== undefined && ingress.ip !== '') ingress.ipMode ??= 'VIP';
  draft.status ??= {};
  draft.status.loadBalancer ??= {};
  if (spec.type !== 'ExternalName') defaultFamilies(spec);
}

/** One address of IPv4 unless something else is said. */
function defaultFamilies(spec: SpecDraft): void {
  if (spec.clusterIP === '') delete spec.clusterIP;
  if (spec.clusterIP === undefined && (spec.clusterIPs?.length ?? 0) > 0) spec.clusterIP = spec.clusterIPs![0]!;
  if (spec.clusterIP !== undefined && (spec.clusterIPs?.length ?? 0) === 0) spec.clusterIPs = [spec.clusterIP];
  const given = (spec.clusterIPs ?? []).map(address => parseIp(address)?.family).filter(family => family !== undefined);
  spec.ipFamilies ??= given.length > 0 ? given : ['IPv4'];
  spec.ipFamilyPolicy ??= given.length === 2 ? 'RequireDualStack' : 'SingleStack';
}

/**
 * An update that does not name what was allocated keeps it, as `kubectl replace` of the original manifest does; a change of type lets go of what the new
 * type has not (`pkg/registry/core/service/storage/alloc.go`, `strategy.go`).
 */
function carryAllocations(draft: Draft<Service>, old: Service): void {
  draft.spec ??= {};
  const [spec, before] = [draft.spec, old.spec ?? {}];
  const needsAddress = (s: { type?: string | undefined }): boolean => s.type !== 'ExternalName';
  if (needsAddress(spec) && needsAddress(before)) {
    if ((spec.clusterIP ?? '') === '' && (spec.clusterIPs?.length ?? 0) === 0 && before.clusterIP !== undefined) {
      spec.clusterIP = before.clusterIP;
      spec.clusterIPs = [...(before.clusterIPs ?? [])];
    }
    spec.ipFamilies ??= [...(before.ipFamilies ?? [])];
    if (before.ipFamilyPolicy !== undefined) spec.ipFamilyPolicy ??= before.ipFamilyPolicy;
  }
  const needsNodePort = (type: string | undefined): boolean => type === 'NodePort' || type === 'LoadBalancer';
  if (needsNodePort(spec.type) && needsNodePort(before.type)) carryNodePorts(spec, before);
  if (needsNodePort(before.type) && !needsNodePort(spec.type)) dropNodePorts(spec, before);
  if (!needsAddress(spec) && needsAddress(before)) dropAddresses(spec, before);
  if (spec.type !== 'LoadBalancer' && before.type === 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts) delete spec.allocateLoadBalancerNodePorts;
    if (spec.loadBalancerClass === before.loadBalancerClass) delete spec.loadBalancerClass;
    if (draft.status !== undefined) draft.status = { ...draft.status, loadBalancer: {} };
  }
}

function carryNodePorts(spec: SpecDraft, before: ServiceSpec): void {
  const used = new Set((spec.ports ?? []).map(port => port.nodePort ?? 0));
  const byPort = new Map((before.ports ?? []).map(port => [`${port.protocol ?? 'TCP'} ${port.port}`, port.nodePort]));
  for (const port of spec.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue;
    const nodePort = byPort.get(`${port.protocol ?? 'TCP'} ${port.port}`);
    if (nodePort !== undefined && !used.has(nodePort)) port.nodePort = nodePort;
  }
  if (spec.healthCheckNodePort === undefined && before.healthCheckNodePort !== undefined && spec.externalTrafficPolicy === 'Local')
    spec.healthCheckNodePort = before.healthCheckNodePort;
}

/** Only what was not changed in the same breath: who sets something new is told that it cannot be. */
function dropNodePorts(spec: SpecDraft, before: ServiceSpec): void {
  for (const [i, port] of (spec.ports ?? []).entries()) if (port.nodePort === before.ports?.[i]?.nodePort) delete port.nodePort;
  if (spec.healthCheckNodePort === before.healthCheckNodePort) delete spec.healthCheckNodePort;
  if (spec.externalTrafficPolicy === before.externalTrafficPolicy && (spec.externalIPs?.length ?? 0) === 0)
    delete spec.externalTrafficPolicy;
}

function dropAddresses(spec: SpecDraft, before: ServiceSpec): void {
  if (spec.clusterIP === before.clusterIP) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
  }
  delete spec.ipFamilies;
  delete spec.ipFamilyPolicy;
  if (spec.internalTrafficPolicy === before.internalTrafficPolicy) delete spec.internalTrafficPolicy;
}

/** As kube-proxy and the checks of manifests read it: with every field that they use. */
const readable = (service: Service): ReturnType<typeof readService> => readService(new Shape(service, '', new FieldErrors()));

export const Services: ResourceType<Service> = {
  group: '',
  version: 'v1',
  resource: 'services',
  singular: 'service',
  kind: 'Service',
  shortNames: ['svc'],
  categories: ['all'],
  scope: 'namespaced',
  definition: ServiceDefinition,
  selectable: ['spec.clusterIP', 'spec.type'],
  hasStatus: true,
  prepareForCreate: draft => {
    draft.status = { loadBalancer: {} };
  },
  prepareForUpdate: carryAllocations,
  defaults: defaultService,
  validate: (service, errors) => validateService(readable(service), errors),
  validateUpdate: (service, old, errors) => {
    const [now, before] = [service.spec?.clusterIPs ?? [], old.spec?.clusterIPs ?? []];
    if (service.spec?.type === 'ExternalName' || old.spec?.type === 'ExternalName') return;
    for (const [i, address] of before.entries())
      if (now[i] !== undefined && now[i] !== address) errors.invalid(`spec.clusterIPs[${i}]`, now, 'may not change once set');
    if (before.length > 0 && now.length === 0) errors.invalid('spec.clusterIPs[0]', now, 'primary clusterIP can not be unset');
    if (
      old.spec?.loadBalancerClass !== undefined &&
      service.spec?.type === 'LoadBalancer' &&
      service.spec.loadBalancerClass !== old.spec.loadBalancerClass
    )
      errors.invalid('spec.loadBalancerClass', service.spec.loadBalancerClass, 'may not change once set');
  },
  validateStatusUpdate: (service, _, errors) => validateService(readable(service), errors),
};

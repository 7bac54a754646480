/** What the API server refuses in a Service (`pkg/apis/core/validation/validation.go`, ValidateService), every cause with its path. */
import { ipFamilies, parseIp } from '../../base/ip.ts';
import type { FieldErrors } from './field-errors.ts';
import { validateMeta } from './meta.ts';
import { cidr, dns1035Label, dns1123Label, dns1123Subdomain, ianaServiceName, ipAddress, nonSpecialIp, portNumber } from './names.ts';
import { protocols, type Service, type ServicePort, serviceTypes, trafficDistributions, trafficPolicies } from './types.ts';

/** `MaxClientIPServiceAffinitySeconds`: a day. */
const MAX_AFFINITY_SECONDS = 86_400;

export function validateService(service: Service, errors: FieldErrors): void {
  validateMeta(service.metadata, errors, dns1035Label);
  validateType(service, errors);
  validatePorts(service, errors);
  validateAffinity(service, errors);
  validateClusterAddresses(service, errors);
  validateExternal(service, errors);
  validateIngress(service, errors);
}

const isHeadless = ({ spec }: Service): boolean => spec.clusterIP === 'None';
/** Can it be reached by another address than its cluster IP? */
const isExternal = ({ spec }: Service): boolean =>
  spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);

function validateType({ spec }: Service, errors: FieldErrors): void {
  if (!(serviceTypes as readonly string[]).includes(spec.type)) errors.unsupported('spec.type', spec.type, serviceTypes);
  if (spec.type === 'LoadBalancer' && spec.clusterIP === 'None')
    errors.invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for LoadBalancer services");
  if (spec.type === 'NodePort' && spec.clusterIP === 'None')
    errors.invalid('spec.clusterIPs[0]', 'None', "may not be set to 'None' for NodePort services");
  if (spec.type !== 'ExternalName') return;
  if (spec.clusterIP !== '' && spec.clusterIP !== 'None') errors.forbidden('spec.clusterIPs', 'may not be set for ExternalName services');
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.required('spec.externalName');
  else for (const detail of dns1123Subdomain(name)) errors.invalid('spec.externalName', name, detail);
}

function validatePorts(service: Service, errors: FieldErrors): void {
  const { ports, type } = service.spec;
  if (ports.length === 0 && !isHeadless(service) && type !== 'ExternalName') errors.required('spec.ports');
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const path = `spec.ports[${i}]`;
    validatePort(port, path, ports.length > 1, names, errors);
    if ((port.nodePort ?? 0) !== 0 && (type === 'ClusterIP' || type === 'ExternalName'))
      errors.forbidden(`${path}.nodePort`, "may not be used when `type` is 'ClusterIP'");
  }
  validatePortPairs(ports, errors);
}

function validatePort(port: ServicePort, path: string, nameRequired: boolean, names: Set<string>, errors: FieldErrors): void {
  if (port.name === '') {
    if (nameRequired) errors.required(`${path}.name`);
  } else {
    for (const detail of dns1123Label(port.name)) errors.invalid(`${path}.name`, port.name, detail);
    if (names.has(port.name)) errors.duplicate(`${path}.name`, port.name);
    names.add(port.name);
  }
  for (const detail of portNumber(port.port)) errors.invalid(`${path}.port`, port.port, detail);
  if (!(protocols as readonly string[]).includes(port.protocol)) errors.unsupported(`${path}.protocol`, port.protocol, protocols);
  const { targetPort } = port;
  if (targetPort !== undefined && targetPort !== port.port)
    for (const detail of typeof targetPort === 'number' ? portNumber(targetPort) : ianaServiceName(targetPort))
      errors.invalid(`${path}.targetPort`, targetPort, detail);
  if (port.nodePort !== undefined && port.nodePort !== 0)
    for (const detail of portNumber(port.nodePort)) errors.invalid(`${path}.nodePort`, port.nodePort, detail);
}

/** No two ports of a Service have the same number, or the same node port, with the same protocol. */
function validatePortPairs(ports: readonly ServicePort[], errors: FieldErrors): void {
  const [numbers, nodePorts] = [new Set<string>(), new Set<string>()];
  for (const [i, { protocol, port, nodePort }] of ports.entries()) {
    const key = `${protocol}/${port}`;
    if (numbers.has(key)) errors.duplicate(`spec.ports[${i}]`, key, corePort(protocol, port));
    numbers.add(key);
    if (nodePort === undefined || nodePort === 0) continue;
    const nodeKey = `${protocol}/${nodePort}`;
    if (nodePorts.has(nodeKey)) errors.duplicate(`spec.ports[${i}].nodePort`, nodePort);
    nodePorts.add(nodeKey);
  }
}

/** How the API server prints the pair: its internal type, as Go writes it. */
const corePort = (protocol: string, port: number): string =>
  `core.ServicePort{Name:"", Protocol:"${protocol}", AppProtocol:(*string)(nil), Port:${port}, TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}`;

function validateAffinity({ spec }: Service, errors: FieldErrors): void {
  const path = 'spec.sessionAffinityConfig';
  if (spec.sessionAffinity !== 'None' && spec.sessionAffinity !== 'ClientIP') {
    errors.unsupported('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  } else if (spec.sessionAffinity === 'None') {
    if (spec.sessionAffinityConfig !== undefined) errors.forbidden(path, 'must not be set when session affinity is None');
  } else {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
    if (seconds === undefined) errors.required(`${path}.clientIP.timeoutSeconds`);
    else if (seconds <= 0 || seconds > MAX_AFFINITY_SECONDS)
      errors.invalid(`${path}.clientIP.timeoutSeconds`, seconds, `must be greater than 0 and less than ${MAX_AFFINITY_SECONDS}`);
  }
}

function validateClusterAddresses(service: Service, errors: FieldErrors): void {
  const { clusterIP, clusterIPs = [], ipFamilies: families, ipFamilyPolicy } = service.spec;
  for (const [i, family] of (families ?? []).entries()) {
    if (!ipFamilies.includes(family)) errors.unsupported(`spec.ipFamilies[${i}]`, family, ipFamilies);
    else if (families!.indexOf(family) < i) errors.duplicate(`spec.ipFamilies[${i}]`, family);
  }
  const policies = ['SingleStack', 'PreferDualStack', 'RequireDualStack'];
  if (ipFamilyPolicy !== undefined && !policies.includes(ipFamilyPolicy))
    errors.unsupported('spec.ipFamilyPolicy', ipFamilyPolicy, policies);
  if (clusterIPs.length > 2) errors.invalid('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values');
  if (clusterIPs.length > 0 && clusterIPs[0] !== clusterIP)
    errors.invalid('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`');
  for (const [i, address] of clusterIPs.entries()) {
    const path = `spec.clusterIPs[${i}]`;
    if (address === 'None' && i === 0) {
      if (clusterIPs.length > 1) errors.invalid(path, address, "'None' must be the first and only value");
      continue;
    }
    for (const detail of ipAddress(address)) errors.invalid(path, address, detail);
    const family = parseIp(address)?.family;
    if (family !== undefined && families?.[i] !== undefined && families[i] !== family)
      errors.invalid(path, address, `expected an ${families[i]} value as indicated by \`ipFamilies[${i}]\``);
  }
}

function validateExternal(service: Service, errors: FieldErrors): void {
  const { spec } = service;
  for (const [i, address] of (spec.externalIPs ?? []).entries()) {
    const path = `spec.externalIPs[${i}]`;
    const wrong = ipAddress(address);
    for (const detail of wrong.length > 0 ? wrong : nonSpecialIp(address)) errors.invalid(path, address, detail);
  }
  if ((spec.loadBalancerSourceRanges?.length ?? 0) > 0 && spec.type !== 'LoadBalancer')
    errors.forbidden('spec.loadBalancerSourceRanges', "may only be used when `type` is 'LoadBalancer'");
  for (const [i, range] of (spec.loadBalancerSourceRanges ?? []).entries())
    for (const detail of cidr(range.trim())) errors.invalid(`spec.loadBalancerSourceRanges[${i}]`, range, detail);
  validatePolicies(service, errors);
}

function validatePolicies(service: Service, errors: FieldErrors): void {
  const { externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort = 0, trafficDistribution, type } = service.spec;
  const known = trafficPolicies as readonly string[];
  if (externalTrafficPolicy !== undefined) {
    if (!isExternal(service))
      errors.invalid('spec.externalTrafficPolicy', externalTrafficPolicy, 'may only be set for externally-accessible services');
    else if (!known.includes(externalTrafficPolicy)) errors.unsupported('spec.externalTrafficPolicy', externalTrafficPolicy, known);
  }
  if (internalTrafficPolicy !== undefined && !known.includes(internalTrafficPolicy))
    errors.unsupported('spec.internalTrafficPolicy', internalTrafficPolicy, known);
  if (healthCheckNodePort !== 0) {
    if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local')
      errors.invalid(
        'spec.healthCheckNodePort',
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      );
    else for (const detail of portNumber(healthCheckNodePort)) errors.invalid('spec.healthCheckNodePort', healthCheckNodePort, detail);
  }
  if (trafficDistribution !== undefined && !(trafficDistributions as readonly string[]).includes(trafficDistribution))
    errors.unsupported('spec.trafficDistribution', trafficDistribution, trafficDistributions);
}

function validateIngress({ spec, status }: Service, errors: FieldErrors): void {
  const { ingress } = status.loadBalancer;
  if (ingress.length > 0 && spec.type !== 'LoadBalancer')
    errors.forbidden('status.loadBalancer.ingress', 'may only be used when `spec.type` is "LoadBalancer"');
  for (const [i, { ip, ipMode, hostname }] of ingress.entries()) {
    const path = `status.loadBalancer.ingress[${i}]`;
    if (ip !== undefined && ip !== '') for (const detail of ipAddress(ip)) errors.invalid(`${path}.ip`, ip, detail);
    else if (ipMode !== undefined) errors.forbidden(`${path}.ipMode`, 'may not be specified when `ip` is not set');
    if (ipMode !== undefined && ipMode !== 'VIP' && ipMode !== 'Proxy') errors.unsupported(`${path}.ipMode`, ipMode, ['VIP', 'Proxy']);
    if (hostname !== undefined && hostname !== '') {
      for (const detail of dns1123Subdomain(hostname)) errors.invalid(`${path}.hostname`, hostname, detail);
      if (parseIp(hostname)) errors.invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address');
    }
  }
}

/** What stands behind a name: addresses, or another name (CoreDNS `plugin/kubernetes/kubernetes.go`, findServices and findPods). */
import { type IpFamily, isCanonicalFamily, parseIp } from '../base/ip.ts';
import { absolute, isName, lower } from '../wire/dns-name.ts';
import { type ClusterName, endpointLabel, parseClusterName, podLabelAddress } from './cluster-name.ts';
import { NO_PORT, type PortEntry, type RecordsSource, type ServiceEntry } from './records-source.ts';

/** `insecure`: every address has a name, whether a pod has it or not. */
export const podModes = ['disabled', 'insecure', 'verified'] as const;
export type PodMode = (typeof podModes)[number];

export type Backend =
  | { readonly kind: 'address'; readonly address: string; readonly family: IpFamily }
  | { readonly kind: 'name'; readonly target: string };

export interface Found {
  readonly backend: Backend;
  /** The name that it has below the zone: `web.default.svc`, `10-244-1-2.web.default.svc`. */
  readonly owner: string;
  /** NO_PORT for one without ports. */
  readonly port: number;
}

/**
 * @param name in lower case what stands in front of the zone, or that taken apart
 * @returns undefined: there is no such name. Empty: it exists and has no records.
 */
export function findBackends(source: RecordsSource, name: string | ClusterName, pods: PodMode): readonly Found[] | undefined {
  const wanted = typeof name === 'string' ? parseClusterName(name) : name;
  if (wanted === undefined) return undefined;
  if (wanted === 'node') return [];
  if (wanted.kind === 'pod' && pods === 'disabled') return undefined;
  if (!source.hasNamespace(wanted.namespace)) return undefined;
  if (wanted.service === undefined) return [];
  const found = wanted.kind === 'pod' ? podBackends(source, wanted, pods) : serviceBackends(source, wanted);
  return found.length === 0 && !hasName(source, wanted) ? undefined : found;
}

/** A Service whose address is not there yet exists, though it has no records. */
function hasName(source: RecordsSource, { kind, namespace, service, endpoint, port }: ClusterName): boolean {
  const entry = kind === 'svc' ? source.service(namespace, service!) : undefined;
  return entry?.kind === 'ClusterIP' && endpoint === undefined && port === '' && entry.clusterIps.length === 0;
}

function podBackends(source: RecordsSource, { namespace, service }: ClusterName, pods: PodMode): Found[] {
  const text = podLabelAddress(service!);
  const ip = parseIp(text);
  if (ip === undefined || (ip.family === 'IPv4' && !isCanonicalFamily(text, 'IPv4'))) return [];
  if (pods === 'verified' && !source.hasPod(namespace, ip.text)) return [];
  return [{ backend: { kind: 'address', address: ip.text, family: ip.family }, owner: `${service}.${namespace}.pod`, port: NO_PORT }];
}

function serviceBackends(source: RecordsSource, wanted: ClusterName): Found[] {
  const service = source.service(wanted.namespace, wanted.service!);
  if (service === undefined) return [];
  if (service.kind === 'ExternalName') return externalBackends(service, wanted);
  if (service.kind === 'Headless' || wanted.endpoint !== undefined) return endpointBackends(source, service, wanted);
  const owner = `${service.name}.${service.namespace}.svc`;
  return portsOf(service.ports, wanted).flatMap(({ port }) => service.clusterIps.flatMap(address => addressBackend(address, owner, port)));
}

/** It has neither endpoints nor ports: only its own name is one. An address is no name. */
function externalBackends(service: ServiceEntry, { endpoint, port, protocol }: ClusterName): Found[] {
  const target = absolute(service.externalName);
  if (endpoint !== undefined || port !== '' || protocol !== '') return [];
  if (parseIp(service.externalName) !== undefined || !isName(target)) return [];
  return [{ backend: { kind: 'name', target }, owner: `${service.name}.${service.namespace}.svc`, port: NO_PORT }];
}

function endpointBackends(source: RecordsSource, service: ServiceEntry, wanted: ClusterName): Found[] {
  const found: Found[] = [];
  for (const set of source.endpoints(service.namespace, service.name)) {
    const ports = portsOf(set.ports, wanted);
    for (const { address, hostname } of set.addresses) {
      const label = endpointLabel(address, hostname);
      if (wanted.endpoint !== undefined && lower(label) !== wanted.endpoint) continue;
      for (const { port } of ports) found.push(...addressBackend(address, `${label}.${service.name}.${service.namespace}.svc`, port));
    }
  }
  return found;
}

const WITHOUT: readonly PortEntry[] = [{ name: '', protocol: '', port: NO_PORT }];

/** Those that are asked for; all when none is. What has no ports at all still has its address. */
const portsOf = (ports: readonly PortEntry[], { port, protocol }: ClusterName): readonly PortEntry[] =>
  (ports.length === 0 ? WITHOUT : ports).filter(
    entry => (port === '' || lower(entry.name) === port) && (protocol === '' || lower(entry.protocol) === protocol),
  );

function addressBackend(text: string, owner: string, port: number): Found[] {
  const ip = parseIp(text);
  return ip === undefined ? [] : [{ backend: { kind: 'address', address: ip.text, family: ip.family }, owner, port }];
}

/**
 * The environment of a container, and `$(NAME)` in its command (k/k `pkg/kubelet/kubelet_pods.go`, `third_party/forked/golang/expansion`). Pure.
 */

import type { Service } from '../cluster/schema/networking.ts';
import type { ContainerSpec, Pod } from '../cluster/schema/pod.ts';

/** What the pod and its node look like from inside. */
export interface PodFacts {
  readonly podIp: string;
  readonly hostIp: string;
  readonly nodeName: string;
}

/** Objects of the pod's namespace, undefined for those that are not there. */
export interface Settings {
  configMap(name: string): { readonly data?: Readonly<Record<string, string>> } | undefined;
  /** Values in base64. */
  secret(name: string): { readonly data?: Readonly<Record<string, string>> } | undefined;
  /** For variables of each Service: those of the namespace, and `kubernetes` of `default`. */
  services(): readonly Service[];
}

/** A variable cannot be made: the container waits, with this as its message (CreateContainerConfigError). */
export class ConfigError extends Error {}

/**
 * Differs from Kubernetes: there a container of a namespace with several thousand Services does not start, since its environment is longer than
 * what execve(2) takes.
 */
const MOST_LINKED = 1000;

/** @throws ConfigError */
export function environmentOf(container: ContainerSpec, pod: Pod, facts: PodFacts, settings: Settings): Record<string, string> {
  const variables: Record<string, string> = {};
  const services = pod.spec?.enableServiceLinks === false ? [] : settings.services();
  if (services.length <= MOST_LINKED) for (const service of services) Object.assign(variables, serviceVariables(service));
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const source = configMapRef ?? secretRef;
    if (source === undefined) continue;
    const [kind, found] =
      configMapRef !== undefined
        ? (['configmap', settings.configMap(source.name ?? '')] as const)
        : (['secret', settings.secret(source.name ?? '')] as const);
    if (found === undefined && source.optional !== true) throw new ConfigError(`${kind} "${source.name}" not found`);
    for (const [key, value] of Object.entries(found?.data ?? {})) variables[prefix + key] = kind === 'secret' ? plain(value) : value;
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom === undefined) variables[name] = expand(value ?? '', variables);
    else {
      const found = sourceValue(valueFrom, container, pod, facts, settings);
      if (found !== undefined) variables[name] = found;
    }
  }
  return variables;
}

type ValueFrom = NonNullable<NonNullable<ContainerSpec['env']>[number]['valueFrom']>;

function sourceValue(from: ValueFrom, container: ContainerSpec, pod: Pod, facts: PodFacts, settings: Settings): string | undefined {
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = from;
  if (fieldRef !== undefined) return fieldOf(fieldRef.fieldPath, pod, facts);
  if (resourceFieldRef !== undefined) {
    const [kind = '', name = ''] = resourceFieldRef.resource.split('.');
    return container.resources?.[kind as 'limits' | 'requests']?.[name]?.toString() ?? '0';
  }
  const ref = configMapKeyRef ?? secretKeyRef;
  if (ref === undefined) return undefined;
  const kind = configMapKeyRef !== undefined ? 'configmap' : 'secret';
  const found = kind === 'configmap' ? settings.configMap(ref.name ?? '') : settings.secret(ref.name ?? '');
  const value = found?.data?.[ref.key];
  if (value !== undefined) return kind === 'secret' ? plain(value) : value;
  if (ref.optional === true) return undefined;
  if (found === undefined) throw new ConfigError(`${kind} "${ref.name}" not found`);
  throw new ConfigError(
    `couldn't find key ${ref.key} in ${kind === 'configmap' ? 'ConfigMap' : 'Secret'} ${pod.metadata.namespace}/${ref.name}`,
  );
}

const plain = (base64: string): string => Buffer.from(base64, 'base64').toString();

/** The downward API. @throws ConfigError */
export function fieldOf(path: string, pod: Pod, { podIp, hostIp, nodeName }: PodFacts): string {
  const { metadata, spec } = pod;
  const indexed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (indexed !== null) return metadata[indexed[1] as 'labels' | 'annotations']?.[indexed[2]!] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name!;
    case 'metadata.namespace':
      return metadata.namespace!;
    case 'metadata.uid':
      return metadata.uid!;
    case 'metadata.labels':
    case 'metadata.annotations':
      return Object.entries(metadata[path.slice('metadata.'.length) as 'labels' | 'annotations'] ?? {})
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .sort()
        .join('\n');
    case 'spec.nodeName':
      return nodeName;
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? 'default';
    case 'status.hostIP':
    case 'status.hostIPs':
      return hostIp;
    case 'status.podIP':
    case 'status.podIPs':
      return podIp;
    default:
      throw new ConfigError(`field label not supported: ${path}`);
  }
}

/** As Docker links had them: `WEB_SERVICE_HOST`, `WEB_PORT_80_TCP_ADDR` (k/k `pkg/kubelet/envvars/envvars.go`). */
export function serviceVariables({ metadata, spec }: Service): Record<string, string> {
  const { clusterIP = '', ports = [] } = spec ?? {};
  if (clusterIP === '' || clusterIP === 'None' || ports.length === 0) return {};
  const upper = (name: string): string => name.replaceAll('-', '_').toUpperCase();
  const name = upper(metadata.name!);
  const found: Record<string, string> = { [`${name}_SERVICE_HOST`]: clusterIP, [`${name}_SERVICE_PORT`]: String(ports[0]!.port) };
  for (const port of ports) if ((port.name ?? '') !== '') found[`${name}_SERVICE_PORT_${upper(port.name!)}`] = String(port.port);
  for (const [i, { port, protocol = 'TCP' }] of ports.entries()) {
    const url = `${protocol.toLowerCase()}://${clusterIP}:${port}`;
    const prefix = `${name}_PORT_${port}_${protocol}`;
    if (i === 0) found[`${name}_PORT`] = url;
    Object.assign(found, {
      [prefix]: url,
      [`${prefix}_PROTO`]: protocol.toLowerCase(),
      [`${prefix}_PORT`]: String(port),
      [`${prefix}_ADDR`]: clusterIP,
    });
  }
  return found;
}

/** `$(NAME)` is its value, and itself where there is none; `$$` is a dollar. */
export const expand = (text: string, variables: Readonly<Record<string, string>>): string =>
  text.replace(/\$(\$|\(([^)]*)\))/g, (whole, what: string, name: string) => (what === '$' ? '$' : (variables[name] ?? whole)));

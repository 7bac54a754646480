/** What the API server refuses in a Pod and in a Pod's template (`pkg/apis/core/validation/validation.go`). */
import type { FieldErrors } from '../objects/field-errors.ts';
import { dns1123Label, dns1123Subdomain, ianaServiceName, ipAddress, portNumber } from '../objects/names.ts';
import type { ContainerSpec, Pod, PodSpec } from '../schema/pod.ts';
import { sameJson } from '../store/object.ts';
import { validateQuantity } from './quantity.ts';

const RESTART = ['Always', 'OnFailure', 'Never'];
const DNS = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const PULL = ['Always', 'IfNotPresent', 'Never'];

export function validatePodSpec(spec: PodSpec, path: string, errors: FieldErrors): void {
  const volumes = validateVolumes(spec, path, errors);
  const names = new Set<string>();
  if ((spec.containers ?? []).length === 0) errors.required(`${path}.containers`);
  for (const field of ['initContainers', 'containers'] as const)
    for (const [i, container] of (spec[field] ?? []).entries())
      validateContainer(container, `${path}.${field}[${i}]`, { names, volumes }, errors);
  oneOf(spec.restartPolicy, RESTART, `${path}.restartPolicy`, errors);
  oneOf(spec.dnsPolicy, DNS, `${path}.dnsPolicy`, errors);
  if (spec.dnsPolicy === 'None' && (spec.dnsConfig?.nameservers?.length ?? 0) === 0)
    errors.required(`${path}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
  for (const [i, address] of (spec.dnsConfig?.nameservers ?? []).entries())
    for (const detail of ipAddress(address)) errors.invalid(`${path}.dnsConfig.nameservers[${i}]`, address, detail);
  notNegative(spec.terminationGracePeriodSeconds, `${path}.terminationGracePeriodSeconds`, errors);
  for (const field of ['hostname', 'subdomain'] as const)
    if (spec[field] !== undefined && spec[field] !== '')
      for (const detail of dns1123Label(spec[field])) errors.invalid(`${path}.${field}`, spec[field], detail);
  for (const field of ['nodeName', 'serviceAccountName'] as const)
    if (spec[field] !== undefined && spec[field] !== '')
      for (const detail of dns1123Subdomain(spec[field])) errors.invalid(`${path}.${field}`, spec[field], detail);
  for (const [i, { ip }] of (spec.hostAliases ?? []).entries())
    for (const detail of ipAddress(ip)) errors.invalid(`${path}.hostAliases[${i}].ip`, ip, detail);
}

function validateVolumes({ volumes = [] }: PodSpec, path: string, errors: FieldErrors): Set<string> {
  const names = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const at = `${path}.volumes[${i}]`;
    named(volume.name, `${at}.name`, names, errors);
    const sources = Object.keys(volume).filter(field => field !== 'name');
    if (sources.length > 1) errors.forbidden(`${at}.${sources[1]}`, 'may not specify more than 1 volume type');
    if (volume.configMap !== undefined && (volume.configMap.name ?? '') === '') errors.required(`${at}.configMap.name`);
    if (volume.secret !== undefined && (volume.secret.secretName ?? '') === '') errors.required(`${at}.secret.secretName`);
    if (volume.hostPath?.path === '') errors.required(`${at}.hostPath.path`);
  }
  return names;
}

function validateContainer(
  container: ContainerSpec,
  path: string,
  known: { names: Set<string>; volumes: Set<string> },
  errors: FieldErrors,
): void {
  named(container.name, `${path}.name`, known.names, errors);
  if ((container.image ?? '') === '') errors.required(`${path}.image`);
  else if (container.image !== container.image!.trim())
    errors.invalid(`${path}.image`, container.image, 'must not have leading or trailing whitespace');
  oneOf(container.imagePullPolicy, PULL, `${path}.imagePullPolicy`, errors);
  validatePorts(container, path, errors);
  validateEnv(container, path, errors);
  validateResources(container, `${path}.resources`, errors);
  const mounted = new Set<string>();
  for (const [i, { name, mountPath }] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}.volumeMounts[${i}]`;
    if (name === '' || name === undefined) errors.required(`${at}.name`);
    else if (!known.volumes.has(name)) errors.notFound(`${at}.name`, name);
    if (mountPath === '' || mountPath === undefined) errors.required(`${at}.mountPath`);
    else if (mounted.has(mountPath)) errors.invalid(`${at}.mountPath`, mountPath, 'must be unique');
    mounted.add(mountPath);
  }
  for (const field of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    const probe = container[field];
    if (probe === undefined) continue;
    validateProbe(probe, `${path}.${field}`, errors);
    if (field !== 'readinessProbe' && probe.successThreshold !== undefined && probe.successThreshold !== 1)
      errors.invalid(`${path}.${field}.successThreshold`, probe.successThreshold, 'must be 1');
  }
}

function validatePorts({ ports = [] }: ContainerSpec, path: string, errors: FieldErrors): void {
  const names = new Set<string>();
  for (const [i, { name = '', containerPort, hostPort, protocol }] of ports.entries()) {
    const at = `${path}.ports[${i}]`;
    if (name !== '') {
      for (const detail of ianaServiceName(name)) errors.invalid(`${at}.name`, name, detail);
      if (names.has(name)) errors.duplicate(`${at}.name`, name);
      names.add(name);
    }
    if (containerPort === undefined || containerPort === 0) errors.required(`${at}.containerPort`);
    else for (const detail of portNumber(containerPort)) errors.invalid(`${at}.containerPort`, containerPort, detail);
    if (hostPort !== undefined && hostPort !== 0)
      for (const detail of portNumber(hostPort)) errors.invalid(`${at}.hostPort`, hostPort, detail);
    oneOf(protocol, PROTOCOLS, `${at}.protocol`, errors);
  }
}

function validateEnv({ env = [] }: ContainerSpec, path: string, errors: FieldErrors): void {
  for (const [i, { name, value, valueFrom }] of env.entries()) {
    const at = `${path}.env[${i}]`;
    if (name === undefined || name === '') errors.required(`${at}.name`);
    else if (/=|[^\x20-\x7e]/.test(name))
      errors.invalid(
        `${at}.name`,
        name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      );
    if (valueFrom === undefined) continue;
    const sources = Object.keys(valueFrom);
    if (sources.length === 0)
      errors.invalid(`${at}.valueFrom`, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`');
    if (sources.length > 1 || (value ?? '') !== '')
      errors.invalid(`${at}.valueFrom`, '', 'may not have more than one field specified at a time');
    const fieldPath = valueFrom.fieldRef?.fieldPath;
    if (fieldPath !== undefined && !FIELD_PATHS.test(fieldPath))
      errors.invalid(`${at}.valueFrom.fieldRef.fieldPath`, fieldPath, 'error converting fieldPath: field label not supported');
  }
}
const FIELD_PATHS =
  /^(metadata\.(name|namespace|uid|labels\['.+'\]|annotations\['.+'\])|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?))$/;

type ProbeSpec = NonNullable<ContainerSpec['livenessProbe']>;
function validateProbe(probe: ProbeSpec, path: string, errors: FieldErrors): void {
  const handlers = (['exec', 'httpGet', 'tcpSocket', 'grpc'] as const).filter(field => probe[field] !== undefined);
  if (handlers.length === 0) errors.required(path, 'must specify a handler type');
  for (const field of handlers.slice(1)) errors.forbidden(`${path}.${field}`, 'may not specify more than 1 handler type');
  if (probe.exec !== undefined && (probe.exec.command ?? []).length === 0) errors.required(`${path}.exec.command`);
  for (const field of ['httpGet', 'tcpSocket', 'grpc'] as const) {
    const port = probe[field]?.port;
    if (port === undefined) continue;
    for (const detail of typeof port === 'number' ? portNumber(port) : ianaServiceName(port))
      errors.invalid(`${path}.${field}.port`, port, detail);
  }
  if (probe.httpGet?.path === '') errors.required(`${path}.httpGet.path`);
  oneOf(probe.httpGet?.scheme, ['HTTP', 'HTTPS'], `${path}.httpGet.scheme`, errors);
  for (const field of ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const)
    notNegative(probe[field], `${path}.${field}`, errors);
}

function validateResources({ resources = {} }: ContainerSpec, path: string, errors: FieldErrors): void {
  const { limits = {}, requests = {} } = resources;
  for (const [name, value] of Object.entries(limits)) validateQuantity(value, `${path}.limits[${name}]`, errors);
  for (const [name, value] of Object.entries(requests)) {
    const request = validateQuantity(value, `${path}.requests[${name}]`, errors);
    const limit = limits[name] === undefined ? undefined : validateQuantity(limits[name], `${path}.limits[${name}]`, errors);
    if (request !== undefined && limit !== undefined && request > limit)
      errors.invalid(`${path}.requests`, String(value), `must be less than or equal to ${name} limit of ${limits[name]}`);
  }
}

function named(name: string | undefined, path: string, names: Set<string>, errors: FieldErrors): void {
  if (name === undefined || name === '') errors.required(path);
  else {
    for (const detail of dns1123Label(name)) errors.invalid(path, name, detail);
    if (names.has(name)) errors.duplicate(path, name);
    names.add(name);
  }
}
function oneOf(value: string | undefined, known: readonly string[], path: string, errors: FieldErrors): void {
  if (value !== undefined && !known.includes(value)) errors.unsupported(path, value, known);
}
export function notNegative(value: number | undefined, path: string, errors: FieldErrors): void {
  if (value !== undefined && value < 0) errors.invalid(path, value, 'must be greater than or equal to 0');
}

/**
 * Of a Pod that is there only its images, its deadline and further tolerations may change, and its node once.
 * Differs from Kubernetes: the node is set by an ordinary update too, so that the scheduler needs no way of its own.
 */
export function validatePodUpdate(pod: Pod, old: Pod, errors: FieldErrors): void {
  const free = (spec: PodSpec | undefined): unknown => {
    const {
      containers = [],
      initContainers = [],
      activeDeadlineSeconds: _,
      tolerations: __,
      nodeName: ___,
      ...rest
    } = spec ?? ({} as Partial<PodSpec>);
    const withoutImage = ({ image: _, ...container }: ContainerSpec): unknown => container;
    return { ...rest, containers: containers.map(withoutImage), initContainers: initContainers.map(withoutImage) };
  };
  const [before, after] = [old.spec?.tolerations ?? [], pod.spec?.tolerations ?? []];
  const kept = before.every(t => after.some(other => sameJson({ ...t, tolerationSeconds: 0 }, { ...other, tolerationSeconds: 0 })));
  const node = old.spec?.nodeName ?? '';
  if (sameJson(free(pod.spec), free(old.spec)) && kept && (node === '' || node === pod.spec?.nodeName)) return;
  errors.forbidden(
    'spec',
    'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations)',
  );
}

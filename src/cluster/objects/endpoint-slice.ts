/** An EndpointSlice from its fields, and what the API server refuses in it (`pkg/apis/discovery/validation/validation.go`). */
import { isCanonicalFamily, parseIp } from '../../base/ip.ts';
import type { FieldErrors } from './field-errors.ts';
import { readMeta, validateMeta } from './meta.ts';
import { dns1123Label, dns1123Subdomain, nonSpecialIp, portNumber } from './names.ts';
import { present, type Shape } from './shape.ts';
import { type AddressType, addressTypes, type Endpoint, type EndpointPort, type EndpointSlice, protocols } from './types.ts';

const MOST = { addresses: 100, endpoints: 1000, ports: 20_000, zoneHints: 8, nodeHints: 8 } as const;

export function readEndpointSlice(shape: Shape): EndpointSlice {
  return {
    kind: 'EndpointSlice',
    metadata: readMeta(shape, 'namespaced'),
    addressType: shape.word<AddressType>('addressType') ?? ('' as AddressType),
    endpoints: shape.objects('endpoints').map(readEndpoint),
    ports: shape.objects('ports').map(readPort),
  };
}

function readEndpoint(shape: Shape): Endpoint {
  const conditions = shape.object('conditions');
  const ref = shape.object('targetRef');
  const hints = shape.object('hints');
  const names = (field: string) => (hints.has(field) ? hints.objects(field).map(h => ({ name: h.text('name') ?? '' })) : undefined);
  return present<Endpoint>({
    addresses: shape.texts('addresses') ?? [],
    conditions: shape.has('conditions')
      ? present({ ready: conditions.truth('ready'), serving: conditions.truth('serving'), terminating: conditions.truth('terminating') })
      : undefined,
    hostname: shape.text('hostname'),
    nodeName: shape.text('nodeName'),
    zone: shape.text('zone'),
    hints: shape.has('hints') ? present({ forZones: names('forZones'), forNodes: names('forNodes') }) : undefined,
    targetRef: shape.has('targetRef')
      ? present({ kind: ref.text('kind'), namespace: ref.text('namespace'), name: ref.text('name') })
      : undefined,
  });
}

/** Name and protocol have defaults, the port has none. */
const readPort = (shape: Shape): EndpointPort =>
  present<EndpointPort>({
    name: shape.text('name') ?? '',
    protocol: shape.word('protocol') ?? 'TCP',
    port: shape.integer('port'),
    appProtocol: shape.text('appProtocol'),
  });

export function validateEndpointSlice(slice: EndpointSlice, errors: FieldErrors): void {
  validateMeta(slice.metadata, errors, dns1123Subdomain);
  if ((slice.addressType as string) === '') errors.required('addressType');
  else if (!addressTypes.includes(slice.addressType)) errors.unsupported('addressType', slice.addressType, addressTypes);
  if (slice.endpoints.length > MOST.endpoints) errors.tooMany('endpoints', slice.endpoints.length, MOST.endpoints);
  for (const [i, endpoint] of slice.endpoints.entries()) validateEndpoint(endpoint, slice.addressType, `endpoints[${i}]`, errors);
  validatePorts(slice.ports, errors);
}

function validateEndpoint(endpoint: Endpoint, type: AddressType, path: string, errors: FieldErrors): void {
  const { addresses, nodeName, hostname, hints } = endpoint;
  if (addresses.length === 0) errors.required(`${path}.addresses`, 'must contain at least 1 address');
  if (addresses.length > MOST.addresses) errors.tooMany(`${path}.addresses`, addresses.length, MOST.addresses);
  for (const [i, address] of addresses.entries()) {
    const at = `${path}.addresses[${i}]`;
    const wrong = addressComplaints(address, type);
    for (const detail of wrong) errors.invalid(at, address, detail);
  }
  if (nodeName !== undefined) for (const detail of dns1123Subdomain(nodeName)) errors.invalid(`${path}.nodeName`, nodeName, detail);
  if (hostname !== undefined) for (const detail of dns1123Label(hostname)) errors.invalid(`${path}.hostname`, hostname, detail);
  validateHints(hints?.forZones, `${path}.hints.forZones`, MOST.zoneHints, errors);
  validateHints(hints?.forNodes, `${path}.hints.forNodes`, MOST.nodeHints, errors);
}

function addressComplaints(address: string, type: AddressType): string[] {
  if (type === 'FQDN') return dns1123Subdomain(address);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  if (parseIp(address) === undefined || !isCanonicalFamily(address, type)) return [`must be a valid ${type} address`];
  return nonSpecialIp(address);
}

function validateHints(hints: readonly { readonly name: string }[] | undefined, path: string, most: number, errors: FieldErrors): void {
  if (hints === undefined) return;
  if (hints.length > most) errors.tooMany(path, hints.length, most);
  const seen = new Set<string>();
  for (const [i, { name }] of hints.entries()) {
    if (name === '') errors.required(`${path}[${i}].name`);
    else if (seen.has(name)) errors.duplicate(`${path}[${i}].name`, name);
    seen.add(name);
  }
}

function validatePorts(ports: readonly EndpointPort[], errors: FieldErrors): void {
  if (ports.length > MOST.ports) errors.tooMany('ports', ports.length, MOST.ports);
  const names = new Set<string>();
  for (const [i, { name = '', port, protocol }] of ports.entries()) {
    if (name !== '') for (const detail of dns1123Label(name)) errors.invalid(`ports[${i}].name`, name, detail);
    if (names.has(name)) errors.duplicate(`ports[${i}].name`, name);
    names.add(name);
    if (port !== undefined) for (const detail of portNumber(port)) errors.invalid(`ports[${i}].port`, port, detail);
    if (protocol !== undefined && !protocols.includes(protocol)) errors.unsupported(`ports[${i}].protocol`, protocol, protocols);
  }
}

/** What `kubectl get` shows of Services, Endpoints and EndpointSlices. */
import type { EndpointSlice, Endpoints, Service, ServicePort } from '../../cluster/schema/networking.ts';
import { ageColumn, type Column, column, labelsText, nameColumn, some, wide } from './column.ts';

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  column('Type', 'How far it can be reached.', ({ spec }) => spec?.type ?? ''),
  column('Cluster-IP', 'Its address in the cluster.', ({ spec }) => spec?.clusterIPs?.[0] ?? '<none>'),
  column('External-IP', 'Its address outside.', externalIp),
  column('Port(s)', 'Its ports, with node ports.', ({ spec }) => portsText(spec?.ports ?? [])),
  ageColumn,
  wide(column('Selector', 'Labels of its Pods.', ({ spec }) => labelsText(spec?.selector))),
];

const LONGEST_INGRESS = 16;
function externalIp({ spec = {}, status }: Service): string {
  const external = spec.externalIPs ?? [];
  if (spec.type === 'ExternalName') return spec.externalName ?? '';
  if (spec.type !== 'LoadBalancer') return external.length > 0 ? external.join(',') : '<none>';
  const ingress = [...new Set((status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? ''))].sort().join(',');
  const shown = ingress.length > LONGEST_INGRESS ? `${ingress.slice(0, LONGEST_INGRESS - 3)}...` : ingress;
  if (external.length > 0) return [...(shown === '' ? [] : [shown]), ...external].join(',');
  return shown === '' ? '<pending>' : shown;
}

const portsText = (ports: readonly ServicePort[]): string =>
  ports.length === 0
    ? '<none>'
    : ports.map(({ port, nodePort, protocol }) => `${port}${(nodePort ?? 0) === 0 ? '' : `:${nodePort}`}/${protocol ?? 'TCP'}`).join(',');

export const endpointsColumns: readonly Column<Endpoints>[] = [
  nameColumn,
  column('Endpoints', 'Addresses and ports that are ready.', ({ subsets = [] }) => {
    const found: string[] = [];
    for (const { addresses = [], ports = [] } of subsets) {
      if (ports.length === 0) found.push(...addresses.map(({ ip }) => ip));
      for (const { port } of ports) found.push(...addresses.map(({ ip }) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)));
    }
    return some(found, '<none>');
  }),
  ageColumn,
];

export const endpointSliceColumns: readonly Column<EndpointSlice>[] = [
  nameColumn,
  column('AddressType', 'What its addresses are.', ({ addressType }) => addressType),
  column('Ports', 'Ports that each endpoint has.', ({ ports = [] }) =>
    some(
      ports.map(({ port, name }) => (port === undefined ? (name ?? '*') : String(port))),
      '<unset>',
    ),
  ),
  column('Endpoints', 'Addresses of its endpoints.', ({ endpoints }) =>
    some(
      endpoints.flatMap(({ addresses }) => addresses),
      '<unset>',
    ),
  ),
  ageColumn,
];

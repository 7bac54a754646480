/** What `kubectl get` shows of Nodes, Namespaces, Events, Leases, ConfigMaps, Secrets and ServiceAccounts. */
import type { Event, Lease, Namespace, Node } from '../../cluster/schema/cluster.ts';
import type { ConfigMap, Secret, ServiceAccount } from '../../cluster/schema/config.ts';
import { ageColumn, type Column, column, count, nameColumn, since, wide } from './column.ts';

const address = ({ status }: Node, wanted: string): string => status?.addresses?.find(({ type }) => type === wanted)?.address ?? '<none>';
const info =
  (field: 'kernelVersion' | 'osImage' | 'containerRuntimeVersion') =>
  ({ status }: Node): string => {
    const value = status?.nodeInfo?.[field] ?? '';
    return value === '' ? '<unknown>' : value;
  };

export const nodeColumns: readonly Column<Node>[] = [
  nameColumn,
  column('Status', 'Is it ready?', nodeStatus),
  column('Roles', 'What it is for.', nodeRoles),
  ageColumn,
  column('Version', 'Version of its kubelet.', ({ status }) => status?.nodeInfo?.kubeletVersion ?? ''),
  wide(column('Internal-IP', 'Its address in the cluster.', node => address(node, 'InternalIP'))),
  wide(column('External-IP', 'Its address outside.', node => address(node, 'ExternalIP'))),
  wide(column('OS-Image', 'Its distribution.', info('osImage'))),
  wide(column('Kernel-Version', 'Version of its kernel.', info('kernelVersion'))),
  wide(column('Container-Runtime', 'What runs its containers.', info('containerRuntimeVersion'))),
];

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const text = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec?.unschedulable === true ? `${text},SchedulingDisabled` : text;
}

const ROLE_LABEL = 'node-role.kubernetes.io/';
function nodeRoles({ metadata }: Node): string {
  const roles = Object.entries(metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith(ROLE_LABEL) && key.length > ROLE_LABEL.length) return [key.slice(ROLE_LABEL.length)];
    return key === 'kubernetes.io/role' && value !== '' ? [value] : [];
  });
  return roles.length === 0 ? '<none>' : roles.sort().join(',');
}

export const namespaceColumns: readonly Column<Namespace>[] = [
  nameColumn,
  column('Status', 'Is it on its way out?', ({ status }) => status?.phase ?? ''),
  ageColumn,
];

const lastSeen = (event: Event): string | undefined => event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime;
const firstSeen = (event: Event): string | undefined => event.firstTimestamp ?? event.eventTime;
export const eventColumns: readonly Column<Event>[] = [
  column('Last Seen', 'When it happened last.', (event, nowMs) => since(lastSeen(event) ?? firstSeen(event), nowMs)),
  column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
  column('Reason', 'What, in one word.', ({ reason }) => reason ?? ''),
  column('Object', 'To which object.', ({ involvedObject: { kind = '', name = '' } }) => `${kind.toLowerCase()}/${name}`),
  wide(column('Subobject', 'To which part of it.', ({ involvedObject }) => involvedObject.fieldPath ?? '')),
  wide(
    column('Source', 'Who tells it.', ({ source, reportingComponent }) =>
      [source?.component ?? reportingComponent, source?.host].filter(part => (part ?? '') !== '').join(', '),
    ),
  ),
  column('Message', 'What, for people.', ({ message }) => (message ?? '').trim()),
  wide(column('First Seen', 'When it happened first.', (event, nowMs) => since(firstSeen(event), nowMs))),
  wide(count('Count', 'How often.', ({ count: times, series }) => series?.count ?? times ?? 1)),
  wide({ ...nameColumn, description: 'Name of the event.' }),
];

export const leaseColumns: readonly Column<Lease>[] = [
  nameColumn,
  column('Holder', 'Who holds it.', ({ spec }) => spec?.holderIdentity ?? ''),
  ageColumn,
];

const size = (...maps: (object | undefined)[]): number => maps.reduce((sum, map) => sum + Object.keys(map ?? {}).length, 0);
export const configMapColumns: readonly Column<ConfigMap>[] = [
  nameColumn,
  count('Data', 'How many keys.', ({ data, binaryData }) => size(data, binaryData)),
  ageColumn,
];
export const secretColumns: readonly Column<Secret>[] = [
  nameColumn,
  column('Type', 'What it is for.', ({ type }) => type ?? ''),
  count('Data', 'How many keys.', ({ data }) => size(data)),
  ageColumn,
];
export const serviceAccountColumns: readonly Column<ServiceAccount>[] = [
  nameColumn,
  count('Secrets', 'How many Secrets.', ({ secrets }) => secrets?.length ?? 0),
  ageColumn,
];

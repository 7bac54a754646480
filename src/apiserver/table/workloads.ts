/** What `kubectl get` shows of Deployments, ReplicaSets and DaemonSets. */
import type { PodTemplate } from '../../cluster/schema/pod.ts';
import type { DaemonSet, Deployment, ReplicaSet } from '../../cluster/schema/workload.ts';
import type { LabelSelector } from '../../cluster/store/selectors.ts';
import { ageColumn, type Column, column, count, labelsText, nameColumn, selectorText, wide } from './column.ts';

interface Workload {
  readonly spec?: { readonly selector?: LabelSelector; readonly template?: PodTemplate };
}
const containers = ({ spec }: Workload): NonNullable<PodTemplate['spec']>['containers'] => spec?.template?.spec?.containers ?? [];
const templateColumns: readonly Column<Workload>[] = [
  wide(
    column('Containers', 'Names of its containers.', object =>
      containers(object)
        .map(({ name }) => name)
        .join(','),
    ),
  ),
  wide(
    column('Images', 'Images of its containers.', object =>
      containers(object)
        .map(({ image }) => image ?? '')
        .join(','),
    ),
  ),
  wide(column('Selector', 'Labels of its Pods.', ({ spec }) => selectorText(spec?.selector ?? {}))),
];

export const deploymentColumns: readonly Column<Deployment>[] = [
  nameColumn,
  column(
    'Ready',
    'Pods that are ready, of those that are wanted.',
    ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
  ),
  count('Up-to-date', 'Pods of the present template.', ({ status }) => status?.updatedReplicas),
  count('Available', 'Pods that have been ready for long enough.', ({ status }) => status?.availableReplicas),
  ageColumn,
  ...templateColumns,
];

export const replicaSetColumns: readonly Column<ReplicaSet>[] = [
  nameColumn,
  count('Desired', 'Pods that are wanted.', ({ spec }) => spec?.replicas),
  count('Current', 'Pods that are there.', ({ status }) => status?.replicas),
  count('Ready', 'Pods that are ready.', ({ status }) => status?.readyReplicas),
  ageColumn,
  ...templateColumns,
];

export const daemonSetColumns: readonly Column<DaemonSet>[] = [
  nameColumn,
  count('Desired', 'Nodes that should run one.', ({ status }) => status?.desiredNumberScheduled),
  count('Current', 'Nodes that run one.', ({ status }) => status?.currentNumberScheduled),
  count('Ready', 'Nodes where it is ready.', ({ status }) => status?.numberReady),
  count('Up-to-date', 'Nodes that run one of the present template.', ({ status }) => status?.updatedNumberScheduled),
  count('Available', 'Nodes where it has been ready for long enough.', ({ status }) => status?.numberAvailable),
  column('Node Selector', 'Labels of its nodes.', ({ spec }) => labelsText(spec?.template.spec?.nodeSelector)),
  ageColumn,
  ...templateColumns,
];

/** What `kubectl get pods` shows (k/k `pkg/printers/internalversion/printers.go`, printPod). */
import type { ContainerStatusOf, Pod } from '../../cluster/schema/pod.ts';
import { ageColumn, type Column, column, duration, nameColumn, wide } from './column.ts';

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  column('Ready', 'Containers that are ready, of all.', pod => `${readyCount(pod)}/${containerCount(pod)}`),
  column('Status', 'What it is doing.', podStatus),
  column('Restarts', 'How often its containers were started again, and when last.', restarts),
  ageColumn,
  wide(column('IP', 'Its address.', ({ status }) => status?.podIPs?.[0]?.ip ?? orNone(status?.podIP))),
  wide(column('Node', 'Its node.', ({ spec }) => orNone(spec?.nodeName))),
  wide(column('Nominated Node', 'Node that is being made free for it.', ({ status }) => orNone(status?.nominatedNodeName))),
  wide(column('Readiness Gates', 'Conditions that must hold before it is ready.', readinessGates)),
];

const orNone = (text: string | undefined): string => (text === undefined || text === '' ? '<none>' : text);

/** Init containers that go on running count as containers. */
const isSidecar = ({ restartPolicy }: { restartPolicy?: string }): boolean => restartPolicy === 'Always';
const sidecars = ({ spec }: Pod): Set<string> => new Set((spec?.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
const containerCount = (pod: Pod): number => (pod.spec?.containers.length ?? 0) + sidecars(pod).size;

function readyCount(pod: Pod): number {
  const aside = sidecars(pod);
  const init = (pod.status?.initContainerStatuses ?? []).filter(
    ({ name, ready, started }) => aside.has(name) && ready && started === true,
  ).length;
  return init + (pod.status?.containerStatuses ?? []).filter(({ ready, state }) => ready && state?.running !== undefined).length;
}

export function podStatus(pod: Pod): string {
  const { metadata, status = {} } = pod;
  let reason: string = (status.reason ?? '') !== '' ? status.reason! : (status.phase ?? 'Unknown');
  if (status.conditions?.some(({ type, reason: why }) => type === 'PodScheduled' && why === 'SchedulingGated') === true)
    reason = 'SchedulingGated';
  const init = initStatus(pod);
  if (init !== undefined) reason = init;
  else {
    let running = false;
    for (const { state, ready } of [...(status.containerStatuses ?? [])].reverse()) {
      if ((state?.waiting?.reason ?? '') !== '') reason = state!.waiting!.reason!;
      else if (state?.terminated !== undefined) reason = terminatedReason(state.terminated);
      else if (ready && state?.running !== undefined) running = true;
    }
    // One container that has ended does not end the Pod.
    if (reason === 'Completed' && running)
      reason = status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true ? 'Running' : 'NotReady';
  }
  if (metadata.deletionTimestamp === undefined) return reason;
  if (status.reason === 'NodeLost') return 'Unknown';
  return status.phase === 'Succeeded' || status.phase === 'Failed' ? reason : 'Terminating';
}

type Terminated = NonNullable<NonNullable<ContainerStatusOf['state']>['terminated']>;
function terminatedReason({ reason = '', signal = 0, exitCode }: Terminated): string {
  if (reason !== '') return reason;
  return signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

/** Of the first init container that is not done. */
function initStatus(pod: Pod): string | undefined {
  const aside = sidecars(pod);
  for (const [i, { name, state, started }] of (pod.status?.initContainerStatuses ?? []).entries()) {
    if (state?.terminated?.exitCode === 0) continue;
    if (aside.has(name) && started === true) continue;
    if (state?.terminated !== undefined) return `Init:${terminatedReason(state.terminated)}`;
    const waiting = state?.waiting?.reason ?? '';
    if (waiting !== '' && waiting !== 'PodInitializing') return `Init:${waiting}`;
    return `Init:${i}/${pod.spec?.initContainers?.length ?? 0}`;
  }
  return undefined;
}

function restarts(pod: Pod, nowMs: number): string {
  const aside = sidecars(pod);
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  const counted =
    initStatus(pod) === undefined
      ? [...containerStatuses, ...initContainerStatuses.filter(({ name }) => aside.has(name))]
      : initContainerStatuses;
  let [sum, last] = [0, 0];
  for (const { restartCount, lastState } of counted) {
    sum += restartCount;
    last = Math.max(last, Date.parse(lastState?.terminated?.finishedAt ?? '') || 0);
  }
  return sum === 0 || last === 0 ? String(sum) : `${sum} (${duration(nowMs - last)} ago)`;
}

function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const holding = gates.filter(
    ({ conditionType }) => status?.conditions?.some(({ type, status: is }) => type === conditionType && is === 'True') === true,
  );
  return `${holding.length}/${gates.length}`;
}

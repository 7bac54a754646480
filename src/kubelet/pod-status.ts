/** The status of a pod out of those of its containers (k/k `pkg/kubelet/kubelet_pods.go`, getPhase; `pkg/kubelet/status/generate.go`). Pure. */
import type { ContainerStatusOf, Pod, PodStatus } from '../cluster/schema/pod.ts';
import { timeText } from '../cluster/store/object.ts';

export interface PodView {
  readonly pod: Pod;
  readonly nowMs: number;
  readonly startMs: number;
  /** Empty: it has none yet. */
  readonly podIp: string;
  readonly hostIp: string;
  readonly init: readonly ContainerStatusOf[];
  readonly containers: readonly ContainerStatusOf[];
  /** Names of init containers that go on beside the others. */
  readonly sidecars: ReadonlySet<string>;
  /** It was ended, and nothing in it is started again. */
  readonly over: boolean;
  /** It failed as a whole: out of time, refused. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

type Phase = NonNullable<PodStatus['phase']>;
type Condition = NonNullable<PodStatus['conditions']>[number];

export function podStatus(view: PodView): PodStatus {
  const { pod, podIp, hostIp, startMs, failure, init } = view;
  const phase = phaseOf(view);
  const shownInit = init.map(status => ({ ...status, ready: view.sidecars.has(status.name) ? status.ready : isDone(status) }));
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase,
    conditions: conditionsOf(view, phase),
    ...(failure === undefined ? {} : { reason: failure.reason, message: failure.message }),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp === '' ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: timeText(startMs),
    ...(shownInit.length === 0 ? {} : { initContainerStatuses: shownInit }),
    containerStatuses: [...view.containers],
    ...(pod.status?.qosClass === undefined ? {} : { qosClass: pod.status.qosClass }),
  };
}

const exitOf = (status: ContainerStatusOf): number | undefined => status.state?.terminated?.exitCode;
const isDone = (status: ContainerStatusOf): boolean => exitOf(status) === 0;

/** Have all init containers done their part: ended well, or, for those that go on, started? */
const isInitialized = ({ init, sidecars }: PodView): boolean =>
  init.every(status => (sidecars.has(status.name) ? status.started === true || exitOf(status) !== undefined : isDone(status)));

export function phaseOf(view: PodView): Phase {
  const { pod, init, containers, sidecars, over, failure } = view;
  if (failure !== undefined) return 'Failed';
  const policy = pod.spec?.restartPolicy ?? 'Always';
  const exits = containers.map(exitOf);
  if (over) {
    const all = [...exits, ...init.filter(status => !sidecars.has(status.name)).map(exitOf)];
    return all.every(code => code === 0) ? 'Succeeded' : 'Failed';
  }
  if (!isInitialized(view)) {
    const failed = init.some(status => !sidecars.has(status.name) && (exitOf(status) ?? 0) !== 0);
    return policy === 'Never' && failed ? 'Failed' : 'Pending';
  }
  if (containers.some(({ state, lastState }) => state?.waiting !== undefined && lastState?.terminated === undefined)) return 'Pending';
  if (exits.some(code => code === undefined) || policy === 'Always') return 'Running';
  if (exits.every(code => code === 0)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

function conditionsOf(view: PodView, phase: Phase): Condition[] {
  const { pod, podIp } = view;
  const unready = view.containers.filter(({ ready }) => !ready).map(({ name }) => name);
  const waitingInit = view.init.filter(s => (view.sidecars.has(s.name) ? s.started !== true : !isDone(s))).map(({ name }) => name);
  const completed = phase === 'Succeeded';
  const readiness: Finding = completed
    ? { holds: false, reason: 'PodCompleted' }
    : phase === 'Failed'
      ? { holds: false, reason: 'PodFailed' }
      : unready.length > 0
        ? { holds: false, reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` }
        : { holds: true };
  const initialized: Finding = isInitialized(view)
    ? { holds: true, ...(completed ? { reason: 'PodCompleted' } : {}) }
    : { holds: false, reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${waitingInit.join(' ')}]` };
  const found: [string, Finding][] = [
    ['PodReadyToStartContainers', { holds: podIp !== '' && !view.over }],
    ['Initialized', initialized],
    ['Ready', readiness],
    ['ContainersReady', readiness],
    ['PodScheduled', { holds: true }],
  ];
  const before = new Map((pod.status?.conditions ?? []).map(condition => [condition.type, condition]));
  const conditions = found.map(([type, finding]) => condition(type, finding, before.get(type), view.nowMs));
  const foreign = [...before.values()].filter(({ type }) => !found.some(([name]) => name === type));
  return [...conditions, ...foreign];
}

interface Finding {
  readonly holds: boolean;
  readonly reason?: string;
  readonly message?: string;
}

/** The time is that of the last change of the status. */
function condition(type: string, { holds, reason, message }: Finding, before: Condition | undefined, nowMs: number): Condition {
  const status = holds ? 'True' : 'False';
  return {
    type,
    status,
    lastTransitionTime: before?.status === status && before.lastTransitionTime != null ? before.lastTransitionTime : timeText(nowMs),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
}

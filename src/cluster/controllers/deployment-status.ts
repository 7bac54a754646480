/** What a Deployment says of itself; `kubectl rollout status` reads it (k/k `pkg/controller/deployment/sync.go`, `progress.go`). Pure. */
import type { Deployment, DeploymentStatus, ReplicaSet } from '../schema/workload.ts';
import { type Draft, timeText } from '../store/object.ts';
import { isComplete, limitsOf } from './rollout.ts';

type Condition = NonNullable<Draft<DeploymentStatus>['conditions']>[number];

export function statusOf(
  deployment: Deployment,
  fresh: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  nowMs: number,
): Draft<DeploymentStatus> {
  const sum = (count: (status: NonNullable<ReplicaSet['status']>) => number | undefined) =>
    all.reduce((total, { status }) => total + ((status && count(status)) ?? 0), 0);
  const wanted = all.reduce((total, { spec }) => total + (spec?.replicas ?? 0), 0);
  const counts = {
    replicas: sum(s => s.replicas),
    updatedReplicas: fresh?.status?.replicas ?? 0,
    readyReplicas: sum(s => s.readyReplicas),
    availableReplicas: sum(s => s.availableReplicas),
    unavailableReplicas: Math.max(0, wanted - sum(s => s.availableReplicas)),
    terminatingReplicas: sum(s => s.terminatingReplicas),
  };
  const status: Draft<DeploymentStatus> = { observedGeneration: deployment.metadata.generation!, ...onlyPositive(counts) };
  const { collisionCount } = deployment.status ?? {};
  if (collisionCount !== undefined) status.collisionCount = collisionCount;
  const told = { ...deployment, status } as Deployment;
  status.conditions = [available(told, nowMs), progressing(deployment, told, fresh, nowMs)].map(condition =>
    keepTimes(condition, deployment, nowMs),
  );
  return status;
}

function onlyPositive(counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}

function available({ spec, status, ...rest }: Deployment, nowMs: number): Condition {
  const least = (spec?.replicas ?? 1) - limitsOf({ spec, status, ...rest } as Deployment).unavailable;
  const enough = (status?.availableReplicas ?? 0) >= least;
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: `Deployment ${enough ? 'has' : 'does not have'} minimum availability.`,
    lastUpdateTime: timeText(nowMs),
  };
}

/** @param before with the conditions that it had */
function progressing(before: Deployment, now: Deployment, fresh: ReplicaSet | undefined, nowMs: number): Condition {
  const lastUpdateTime = timeText(nowMs);
  const known = before.status?.conditions?.find(condition => condition.type === 'Progressing');
  const named = fresh === undefined ? `Deployment "${now.metadata.name}"` : `ReplicaSet "${fresh.metadata.name}"`;
  const say = (status: 'True' | 'False' | 'Unknown', reason: string, message: string): Condition => ({
    ...{ type: 'Progressing', status, reason, message, lastUpdateTime },
  });
  if (now.spec?.paused === true) return say('Unknown', 'DeploymentPaused', 'Deployment is paused');
  if (isComplete(now)) return say('True', 'NewReplicaSetAvailable', `${named} has successfully progressed.`);
  if (hasMoved(before, now)) return say('True', 'ReplicaSetUpdated', `${named} is progressing.`);
  if (known === undefined) return say('True', 'NewReplicaSetCreated', `Created new replica set "${fresh?.metadata.name ?? ''}"`);
  if (isLate(known, now, nowMs)) return say('False', 'ProgressDeadlineExceeded', `${named} has timed out progressing.`);
  const kept = { ...known, type: 'Progressing', status: known.status as 'True' };
  return known.reason === 'NewReplicaSetAvailable' ? { ...say('True', 'ReplicaSetUpdated', `${named} is progressing.`) } : kept;
}

function hasMoved({ status: before }: Deployment, { status: now }: Deployment): boolean {
  const old = (status: DeploymentStatus | undefined) => (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (now?.updatedReplicas ?? 0) > (before?.updatedReplicas ?? 0) ||
    old(now) < old(before) ||
    (now?.readyReplicas ?? 0) > (before?.readyReplicas ?? 0) ||
    (now?.availableReplicas ?? 0) > (before?.availableReplicas ?? 0)
  );
}

function isLate({ reason, lastUpdateTime }: Condition, { spec }: Deployment, nowMs: number): boolean {
  if (reason === 'ProgressDeadlineExceeded') return true;
  if (reason === 'NewReplicaSetAvailable' || spec?.progressDeadlineSeconds === undefined) return false;
  return nowMs - Date.parse(lastUpdateTime ?? '') > spec.progressDeadlineSeconds * 1000;
}

/** A condition that says what it said keeps its times: a status that is the same is not written again. */
function keepTimes(condition: Condition, { status }: Deployment, nowMs: number): Condition {
  const known = status?.conditions?.find(each => each.type === condition.type);
  const same = known?.status === condition.status;
  const lastTransitionTime = same ? known.lastTransitionTime! : timeText(nowMs);
  if (same && known.reason === condition.reason && known.message === condition.message && condition.reason !== 'ReplicaSetUpdated')
    return { ...condition, lastUpdateTime: known.lastUpdateTime!, lastTransitionTime };
  return { ...condition, lastTransitionTime };
}

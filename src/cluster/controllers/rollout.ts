/** How many pods each ReplicaSet of a Deployment is to have next (k/k `pkg/controller/deployment/rolling.go`, `recreate.go`, `util/deployment_util.go`). Pure. */
import type { Deployment, ReplicaSet } from '../schema/workload.ts';
import { shareOf } from './template-hash.ts';

export interface Step {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

const wantedOf = (set: ReplicaSet): number => set.spec?.replicas ?? 0;
const total = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, set) => sum + wantedOf(set), 0);
const availableOf = (sets: readonly ReplicaSet[]): number => sets.reduce((sum, { status }) => sum + (status?.availableReplicas ?? 0), 0);

/** As numbers; when both come to 0, one may be missing, or nothing would ever move. */
export function limitsOf({ spec }: Deployment): { surge: number; unavailable: number } {
  if (spec?.strategy?.type === 'Recreate') return { surge: 0, unavailable: 0 };
  const { maxSurge = '25%', maxUnavailable = '25%' } = spec?.strategy?.rollingUpdate ?? {};
  const replicas = spec?.replicas ?? 1;
  const surge = shareOf(maxSurge, replicas, 'up');
  const unavailable = shareOf(maxUnavailable, replicas, 'down');
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas) };
}

/** @param old from the oldest @returns what to change now; [] when there is nothing to do or something to wait for */
export function nextSteps(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[], oldPodsLeft: boolean): Step[] {
  if (deployment.spec?.strategy?.type === 'Recreate') return recreate(deployment, fresh, old, oldPodsLeft);
  const up = growNew(deployment, fresh, old);
  if (up.length > 0) return up;
  return shrinkOld(deployment, fresh, old);
}

function recreate({ spec }: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[], oldPodsLeft: boolean): Step[] {
  const down = old.filter(set => wantedOf(set) > 0).map(set => ({ set, replicas: 0 }));
  if (down.length > 0) return down;
  return oldPodsLeft ? [] : to(fresh, spec?.replicas ?? 1);
}

const to = (set: ReplicaSet, replicas: number): Step[] => (wantedOf(set) === replicas ? [] : [{ set, replicas }]);

function growNew(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Step[] {
  const wanted = deployment.spec?.replicas ?? 1;
  const now = wantedOf(fresh);
  if (now >= wanted) return to(fresh, wanted);
  const room = wanted + limitsOf(deployment).surge - total([fresh, ...old]);
  return room <= 0 ? [] : to(fresh, now + Math.min(room, wanted - now));
}

function shrinkOld(deployment: Deployment, fresh: ReplicaSet, old: readonly ReplicaSet[]): Step[] {
  const oldTotal = total(old);
  if (oldTotal === 0) return [];
  const wanted = deployment.spec?.replicas ?? 1;
  const least = wanted - limitsOf(deployment).unavailable;
  const newUnavailable = wantedOf(fresh) - (fresh.status?.availableReplicas ?? 0);
  let most = oldTotal + wantedOf(fresh) - least - newUnavailable;
  if (most <= 0) return [];
  const replicas = new Map(old.map(set => [set, wantedOf(set)]));
  const take = (set: ReplicaSet, count: number): number => {
    const taken = Math.min(count, replicas.get(set)!);
    replicas.set(set, replicas.get(set)! - taken);
    return taken;
  };
  // Pods that are not available are missed by nobody: they go first.
  for (const set of old) most -= take(set, Math.min(most, Math.max(0, wantedOf(set) - (set.status?.availableReplicas ?? 0))));
  let spare = availableOf([fresh, ...old]) - least;
  for (const set of old) {
    if (spare <= 0) break;
    spare -= take(set, spare);
  }
  return old.flatMap(set => to(set, replicas.get(set)!));
}

/** Does the Deployment stand as it is to be? */
export const isComplete = ({ spec, metadata, status }: Deployment): boolean =>
  (status?.updatedReplicas ?? 0) === (spec?.replicas ?? 1) &&
  (status?.replicas ?? 0) === (spec?.replicas ?? 1) &&
  (status?.availableReplicas ?? 0) === (spec?.replicas ?? 1) &&
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);

/** What controllers ask of a pod (k/k `pkg/api/v1/pod/util.go`, `pkg/controller/controller_utils.go`). */
import type { Pod } from '../schema/pod.ts';

export const isTerminating = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
export const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';
/** Counts for whoever wants a number of pods. */
export const isActive = (pod: Pod): boolean => !hasEnded(pod) && !isTerminating(pod);

const ready = (pod: Pod) => pod.status?.conditions?.find(condition => condition.type === 'Ready');
export const isReady = (pod: Pod): boolean => ready(pod)?.status === 'True';
/** Since when it is ready, ms; NaN when it is not. */
export const readySinceMs = (pod: Pod): number => (isReady(pod) ? Date.parse(ready(pod)!.lastTransitionTime ?? '') : Number.NaN);

/** Ready for as long as was asked. */
export const isAvailable = (pod: Pod, minReadySeconds: number, nowMs: number): boolean =>
  isReady(pod) && (minReadySeconds === 0 || nowMs - readySinceMs(pod) >= minReadySeconds * 1000);

const phases = ['Pending', 'Unknown', 'Running'];
/** Which to delete first: the one that is missed least (`ActivePodsWithRanks`). */
export function byWorth(a: Pod, b: Pod, others: (pod: Pod) => number): number {
  const bound = (pod: Pod) => ((pod.spec?.nodeName ?? '') === '' ? 0 : 1);
  const phase = (pod: Pod) => phases.indexOf(pod.status?.phase ?? 'Pending');
  const restarts = (pod: Pod) => Math.max(0, ...(pod.status?.containerStatuses ?? []).map(s => s.restartCount ?? 0));
  const age = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp ?? '');
  return (
    bound(a) - bound(b) ||
    phase(a) - phase(b) ||
    Number(isReady(a)) - Number(isReady(b)) ||
    others(b) - others(a) ||
    (isReady(a) ? readySinceMs(b) - readySinceMs(a) : 0) ||
    restarts(b) - restarts(a) ||
    age(b) - age(a)
  );
}

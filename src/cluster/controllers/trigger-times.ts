/**
 * Since when what endpoints are made of has been as it is: kube-proxy counts from there how long a change took to its rules (k/k
 * `staging/src/k8s.io/endpointslice/util/trigger_time_tracker.go`). Pods tell seconds and no more.
 */
import { LAST_CHANGE_ANNOTATION } from '../objects/types.ts';
import type { Service } from '../schema/networking.ts';
import type { Pod } from '../schema/pod.ts';
import { type Draft, type Metadata, timeText } from '../store/object.ts';
import { keyOf } from './context.ts';

interface Seen {
  readonly service: number;
  /** By name: when the condition Ready last changed. */
  readonly pods: ReadonlyMap<string, number>;
}

export class TriggerTimes {
  readonly #seen = new Map<string, Seen>();

  /**
   * @returns milliseconds since 1970: the earliest of what has changed since the last look, or for a Service that is new when it was made;
   * undefined where nothing has that tells its time, a pod that went for one
   */
  look({ metadata }: Service, pods: readonly Pod[]): number | undefined {
    const key = keyOf(metadata);
    const before = this.#seen.get(key);
    const service = Date.parse(metadata.creationTimestamp ?? '');
    const now = new Map(pods.map(pod => [pod.metadata.name ?? '', readySince(pod)] as const).filter(([, at]) => !Number.isNaN(at)));
    this.#seen.set(key, { service, pods: now });
    if (before === undefined) return Number.isNaN(service) ? undefined : service;
    const changed = [...now].filter(([name, at]) => at > (before.pods.get(name) ?? Number.NEGATIVE_INFINITY)).map(([, at]) => at);
    if (service > before.service) changed.push(service);
    return changed.length === 0 ? undefined : Math.min(...changed);
  }

  forget(metadata: Metadata): void {
    this.#seen.delete(keyOf(metadata));
  }
}

const readySince = ({ status }: Pod): number =>
  Date.parse(status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? '');

/** Into what is written now; an older time in it would be counted a second time. */
export function writeTriggerTime(metadata: Draft<Metadata>, at: number | undefined): void {
  const { [LAST_CHANGE_ANNOTATION]: _, ...others } = metadata.annotations ?? {};
  const annotations = at === undefined ? others : { ...others, [LAST_CHANGE_ANNOTATION]: timeText(at) };
  if (Object.keys(annotations).length > 0) metadata.annotations = annotations;
  else delete metadata.annotations;
}

/** ReplicaSets: as many pods of the template as are wanted (k/k `pkg/controller/replicaset/replica_set.go`). */
import { Pods, ReplicaSets } from '../resources/index.ts';
import type { Pod } from '../schema/pod.ts';
import type { ReplicaSet } from '../schema/workload.ts';
import { matchesLabels } from '../store/selectors.ts';
import { type Controller, type ControllerContext, controllerOf, keyOf, ownerReference, placeOf, queueOf } from './context.ts';
import { Owned } from './owned.ts';
import { createPod, deletePod, type PodMaker } from './pod-control.ts';
import { byWorth, isActive, isAvailable, isReady, isTerminating, readySinceMs } from './pod-state.ts';
import type { WorkQueue } from './work-queue.ts';

const COMPONENT = 'replicaset-controller';

export class ReplicaSetController implements Controller {
  readonly #context: ControllerContext;
  readonly #maker: PodMaker;
  readonly #queue: WorkQueue;
  readonly #pods: Owned<Pod>;
  readonly #byUid = new Map<string, string>();
  readonly #stop: () => void;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#maker = { context, component: COMPONENT };
    this.#queue = queueOf(context, COMPONENT, key => this.#look(key));
    this.#stop = context.store.follow(ReplicaSets, {}, ({ type, object }) => {
      if (type === 'DELETED') this.#byUid.delete(object.metadata.uid!);
      else this.#byUid.set(object.metadata.uid!, keyOf(object.metadata));
      this.#queue.add(keyOf(object.metadata));
    });
    this.#pods = new Owned(context.store, Pods, (owner, pod) => {
      const key = owner === undefined ? this.#selecting(pod) : this.#byUid.get(owner);
      if (key !== undefined) this.#queue.add(key);
    });
  }

  stop(): void {
    this.#stop();
    this.#pods.stop();
    this.#queue.stop();
  }

  /** A pod without an owner belongs to whoever selects it. */
  #selecting(pod: Pod): string | undefined {
    if (isTerminating(pod)) return undefined;
    const found = this.#context.store
      .list(ReplicaSets, { namespace: pod.metadata.namespace! })
      .items.find(({ spec }) => matchesLabels(spec!.selector!, pod.metadata.labels));
    return found && keyOf(found.metadata);
  }

  #look(key: string): void {
    const { namespace, name } = placeOf(key);
    const set = this.#context.store.find(ReplicaSets, namespace, name);
    if (set === undefined) return;
    if (set.metadata.deletionTimestamp === undefined) this.#adopt(set);
    const owned = this.#pods.of(set);
    const active = owned.filter(isActive);
    let made: Pod[] = [];
    if (set.metadata.deletionTimestamp === undefined) made = this.#correct(set, active);
    this.#tellStatus(set, [...active.filter(pod => !this.#isGoing(pod)), ...made], owned.filter(isTerminating).length);
  }

  /** Takes in pods that match and have no owner, and lets go of its own that no longer match. */
  #adopt(set: ReplicaSet): void {
    const { store } = this.#context;
    const selector = set.spec!.selector!;
    for (const pod of this.#pods.of(set))
      if (!matchesLabels(selector, pod.metadata.labels))
        store.modify(Pods, pod.metadata.namespace!, pod.metadata.name!, draft => {
          draft.metadata.ownerReferences = (draft.metadata.ownerReferences ?? []).filter(owner => owner.uid !== set.metadata.uid);
        });
    for (const pod of store.list(Pods, { namespace: set.metadata.namespace! }).items) {
      if (controllerOf(pod) !== undefined || !isActive(pod) || !matchesLabels(selector, pod.metadata.labels)) continue;
      const adopted = store.modify(Pods, pod.metadata.namespace!, pod.metadata.name!, draft => {
        draft.metadata.ownerReferences = [...(draft.metadata.ownerReferences ?? []), ownerReference(set)];
      });
      this.#pods.add(adopted);
    }
  }

  /** @returns the pods that were made */
  #correct(set: ReplicaSet, active: readonly Pod[]): Pod[] {
    const wanted = set.spec!.replicas!;
    const made: Pod[] = [];
    for (let i = active.length; i < wanted; i++) {
      const pod = createPod(this.#maker, set, set.spec!.template);
      if (pod === undefined) break;
      this.#pods.add(pod);
      made.push(pod);
    }
    if (active.length > wanted) for (const pod of this.#leastWorth(active, active.length - wanted)) deletePod(this.#maker, set, pod);
    return made;
  }

  #leastWorth(active: readonly Pod[], count: number): Pod[] {
    const onNode = new Map<string, number>();
    for (const { spec } of active) onNode.set(spec?.nodeName ?? '', (onNode.get(spec?.nodeName ?? '') ?? 0) + 1);
    return active.toSorted((a, b) => byWorth(a, b, pod => onNode.get(pod.spec?.nodeName ?? '')!)).slice(0, count);
  }

  /** It was deleted a moment ago, in this very look. */
  #isGoing({ metadata }: Pod): boolean {
    const now = this.#context.store.find(Pods, metadata.namespace!, metadata.name!);
    return now === undefined || now.metadata.uid !== metadata.uid || isTerminating(now);
  }

  #tellStatus(set: ReplicaSet, pods: readonly Pod[], terminating: number): void {
    const { store } = this.#context;
    const { namespace = '', name = '' } = set.metadata;
    const minReady = set.spec!.minReadySeconds ?? 0;
    const available = pods.filter(pod => isAvailable(pod, minReady, store.nowMs)).length;
    const labels = set.spec!.template?.metadata?.labels ?? {};
    const labelled = pods.filter(pod => matchesLabels({ matchLabels: labels }, pod.metadata.labels)).length;
    const ready = pods.filter(isReady).length;
    store.modify(
      ReplicaSets,
      namespace,
      name,
      draft => {
        draft.status = {
          replicas: pods.length,
          fullyLabeledReplicas: labelled,
          ...(ready > 0 ? { readyReplicas: ready } : {}),
          ...(available > 0 ? { availableReplicas: available } : {}),
          ...(terminating > 0 ? { terminatingReplicas: terminating } : {}),
          observedGeneration: set.metadata.generation!,
        };
      },
      { subresource: 'status' },
    );
    if (minReady > 0 && ready > available) this.#queue.addAfter(keyOf(set.metadata), this.#nextAvailable(pods, minReady));
  }

  #nextAvailable(pods: readonly Pod[], minReady: number): number {
    const left = pods.filter(isReady).map(pod => readySinceMs(pod) + minReady * 1000 - this.#context.store.nowMs);
    return Math.max(0, Math.min(...left.filter(ms => ms > 0)));
  }
}

/** DaemonSets: one pod on every node that may take it (k/k `pkg/controller/daemon/daemon_controller.go`). */
import { DaemonSets, Nodes, Pods } from '../resources/index.ts';
import type { Node } from '../schema/cluster.ts';
import type { Pod } from '../schema/pod.ts';
import type { DaemonSet } from '../schema/workload.ts';
import { type Draft, draftOf } from '../store/object.ts';
import { type Controller, type ControllerContext, keyOf, placeOf, queueOf } from './context.ts';
import { Owned } from './owned.ts';
import { createPod, deletePod, type PodMaker } from './pod-control.ts';
import { hasEnded, isAvailable, isReady, isTerminating } from './pod-state.ts';
import { whyNot } from './scheduler.ts';
import { shareOf, TEMPLATE_HASH_LABEL, templateHash } from './template-hash.ts';
import type { WorkQueue } from './work-queue.ts';

const COMPONENT = 'daemonset-controller';
const GENERATION_LABEL = 'pod-template-generation';

/** What its pods put up with, whatever the template says. */
const TOLERATED: readonly { key: string; effect: 'NoSchedule' | 'NoExecute' }[] = [
  { key: 'node.kubernetes.io/not-ready', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' },
];

export class DaemonSetController implements Controller {
  readonly #context: ControllerContext;
  readonly #maker: PodMaker;
  readonly #queue: WorkQueue;
  readonly #pods: Owned<Pod>;
  readonly #byUid = new Map<string, string>();
  readonly #stops: (() => void)[];

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#maker = { context, component: COMPONENT };
    this.#queue = queueOf(context, COMPONENT, key => this.#look(key));
    this.#pods = new Owned(context.store, Pods, owner => {
      const key = owner === undefined ? undefined : this.#byUid.get(owner);
      if (key !== undefined) this.#queue.add(key);
    });
    this.#stops = [
      context.store.follow(DaemonSets, {}, ({ type, object }) => {
        if (type === 'DELETED') this.#byUid.delete(object.metadata.uid!);
        else this.#byUid.set(object.metadata.uid!, keyOf(object.metadata));
        this.#queue.add(keyOf(object.metadata));
      }),
      context.store.follow(Nodes, {}, () => {
        for (const key of this.#byUid.values()) this.#queue.add(key);
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#pods.stop();
    this.#queue.stop();
  }

  #look(key: string): void {
    const { store } = this.#context;
    const { namespace, name } = placeOf(key);
    const set = store.find(DaemonSets, namespace, name);
    if (set === undefined) return;
    const nodes = store.list(Nodes).items;
    const shape = { spec: this.#podSpec(set) } as Pick<Pod, 'spec'>;
    const wanted = nodes.filter(node => whyNot(shape, node) === undefined);
    const hash = templateHash(set.spec!.template);
    if (set.metadata.deletionTimestamp === undefined) this.#correct(set, wanted, hash);
    this.#tellStatus(set, wanted, hash);
  }

  #podSpec(set: DaemonSet): Draft<Pod>['spec'] {
    const spec = draftOf(set.spec!.template?.spec ?? { containers: [] }) as NonNullable<Draft<Pod>['spec']>;
    const own = spec.tolerations ?? [];
    spec.tolerations = [...own, ...TOLERATED.map(({ key, effect }) => ({ key, effect, operator: 'Exists' as const }))];
    if (spec.hostNetwork === true)
      spec.tolerations.push({ key: 'node.kubernetes.io/network-unavailable', effect: 'NoSchedule', operator: 'Exists' });
    return spec;
  }

  #correct(set: DaemonSet, wanted: readonly Node[], hash: string): void {
    const mine = this.#pods.of(set);
    const names = new Set(wanted.map(node => node.metadata.name!));
    const running = new Map<string, Pod[]>();
    for (const pod of mine) {
      const node = pod.spec?.nodeName ?? '';
      running.set(node, [...(running.get(node) ?? []), pod]);
      if (!isTerminating(pod) && (!names.has(node) || hasEnded(pod))) deletePod(this.#maker, set, pod);
    }
    for (const node of names) {
      const [oldest, ...others] = (running.get(node) ?? []).filter(pod => !isTerminating(pod) && !hasEnded(pod));
      for (const pod of others) deletePod(this.#maker, set, pod);
      if (oldest === undefined && !(running.get(node) ?? []).some(isTerminating)) this.#create(set, node, hash);
    }
    if (set.spec!.updateStrategy?.type === 'RollingUpdate') this.#roll(set, wanted.length, hash);
  }

  #create(set: DaemonSet, node: string, hash: string): void {
    const pod = createPod(this.#maker, set, set.spec!.template, draft => {
      draft.metadata.labels = {
        ...draft.metadata.labels,
        [TEMPLATE_HASH_LABEL.daemonSet]: hash,
        [GENERATION_LABEL]: String(set.metadata.generation),
      };
      draft.spec = this.#podSpec(set)!;
      // The scheduler would be asked by an affinity to this very node; here the answer is written at once.
      draft.spec!.nodeName = node;
    });
    if (pod !== undefined) this.#pods.add(pod);
  }

  /** Old pods go, as many at a time as may be missing. */
  #roll(set: DaemonSet, wanted: number, hash: string): void {
    const { store } = this.#context;
    const mine = this.#pods.of(set).filter(pod => !isTerminating(pod));
    const most = Math.max(1, shareOf(set.spec!.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1, wanted, 'up'));
    const minReady = set.spec!.minReadySeconds ?? 0;
    let missing = wanted - mine.filter(pod => isAvailable(pod, minReady, store.nowMs)).length;
    for (const pod of mine.filter(each => each.metadata.labels?.[TEMPLATE_HASH_LABEL.daemonSet] !== hash)) {
      const available = isAvailable(pod, minReady, store.nowMs);
      if (available && missing >= most) continue;
      if (available) missing++;
      deletePod(this.#maker, set, pod);
    }
  }

  #tellStatus(set: DaemonSet, wanted: readonly Node[], hash: string): void {
    const { store } = this.#context;
    const names = new Set(wanted.map(node => node.metadata.name!));
    const live = this.#pods.of(set).filter(pod => !isTerminating(pod) && !hasEnded(pod));
    const placed = live.filter(pod => names.has(pod.spec?.nodeName ?? ''));
    const ready = placed.filter(isReady).length;
    const available = placed.filter(pod => isAvailable(pod, set.spec!.minReadySeconds ?? 0, store.nowMs)).length;
    const updated = placed.filter(pod => pod.metadata.labels?.[TEMPLATE_HASH_LABEL.daemonSet] === hash).length;
    store.modify(
      DaemonSets,
      set.metadata.namespace!,
      set.metadata.name!,
      draft => {
        draft.status = {
          currentNumberScheduled: placed.length,
          numberMisscheduled: live.length - placed.length,
          desiredNumberScheduled: names.size,
          numberReady: ready,
          observedGeneration: set.metadata.generation!,
          ...(updated > 0 ? { updatedNumberScheduled: updated } : {}),
          ...(available > 0 ? { numberAvailable: available } : {}),
          ...(names.size > available ? { numberUnavailable: names.size - available } : {}),
        };
      },
      { subresource: 'status' },
    );
  }
}

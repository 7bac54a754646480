/** Which node a pod runs on (k/k `pkg/scheduler`): those that may, and of these the one with the fewest pods of the same owner, then of all. */
import { Nodes, Pods } from '../resources/index.ts';
import type { Node } from '../schema/cluster.ts';
import type { Pod } from '../schema/pod.ts';
import { matchesLabels } from '../store/selectors.ts';
import { type Controller, type ControllerContext, controllerOf, keyOf, placeOf, queueOf, tell } from './context.ts';
import { hasEnded } from './pod-state.ts';
import type { WorkQueue } from './work-queue.ts';

const COMPONENT = 'default-scheduler';

export class Scheduler implements Controller {
  readonly #context: ControllerContext;
  readonly #queue: WorkQueue;
  /** Pods that no node could take. */
  readonly #unplaced = new Set<string>();
  /** Keys of the pods of each node. */
  readonly #onNode = new Map<string, Map<string, string>>();
  readonly #stops: (() => void)[];

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#queue = queueOf(context, COMPONENT, key => this.#look(key));
    this.#stops = [
      context.store.follow(Pods, {}, ({ type, object }) => this.#see(type === 'DELETED', object)),
      context.store.follow(Nodes, {}, () => {
        for (const key of this.#unplaced) this.#queue.add(key);
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#queue.stop();
  }

  #see(gone: boolean, pod: Pod): void {
    const key = keyOf(pod.metadata);
    const node = pod.spec?.nodeName ?? '';
    if (node !== '') {
      this.#unplaced.delete(key);
      this.#count(node, key, gone || hasEnded(pod) ? undefined : (controllerOf(pod)?.uid ?? ''));
    } else if (gone) this.#unplaced.delete(key);
    else this.#queue.add(key);
  }

  #count(node: string, key: string, owner: string | undefined): void {
    const pods = this.#onNode.get(node) ?? new Map<string, string>();
    this.#onNode.set(node, pods);
    if (owner === undefined) pods.delete(key);
    else pods.set(key, owner);
  }

  #look(key: string): void {
    const { store } = this.#context;
    const { namespace, name } = placeOf(key);
    const pod = store.find(Pods, namespace, name);
    if (pod === undefined || (pod.spec?.nodeName ?? '') !== '' || pod.metadata.deletionTimestamp !== undefined) return;
    if ((pod.spec?.schedulerName ?? COMPONENT) !== COMPONENT || (pod.spec?.schedulingGates ?? []).length > 0) return;
    const nodes = store.list(Nodes).items;
    const reasons = new Map<string, number>();
    const fit: Node[] = [];
    for (const node of nodes) {
      const why = whyNot(pod, node);
      if (why === undefined) fit.push(node);
      else reasons.set(why, (reasons.get(why) ?? 0) + 1);
    }
    if (fit.length === 0) this.#unschedulable(pod, nodes.length, reasons);
    else this.#bind(pod, this.#best(pod, fit));
  }

  #best(pod: Pod, nodes: readonly Node[]): string {
    const owner = controllerOf(pod)?.uid ?? '';
    const load = ({ metadata }: Node): [number, number] => {
      const pods = [...(this.#onNode.get(metadata.name!)?.values() ?? [])];
      return [owner === '' ? 0 : pods.filter(each => each === owner).length, pods.length];
    };
    const ranked = nodes.map(node => ({ name: node.metadata.name!, load: load(node) }));
    ranked.sort((a, b) => a.load[0] - b.load[0] || a.load[1] - b.load[1] || (a.name < b.name ? -1 : 1));
    return ranked[0]!.name;
  }

  #bind(pod: Pod, node: string): void {
    const { store } = this.#context;
    const { namespace = '', name = '' } = pod.metadata;
    const key = keyOf(pod.metadata);
    store.modify(Pods, namespace, name, draft => {
      draft.spec!.nodeName = node;
    });
    this.#unplaced.delete(key);
    this.#count(node, key, controllerOf(pod)?.uid ?? '');
    this.#setScheduled(pod, 'True');
    tell(this.#context, COMPONENT, pod, 'Normal', 'Scheduled', `Successfully assigned ${namespace}/${name} to ${node}`);
  }

  #unschedulable(pod: Pod, total: number, reasons: ReadonlyMap<string, number>): void {
    const why = [...reasons].map(([reason, count]) => `${count} ${reason}`).toSorted();
    const message = `0/${total} nodes are available${total === 0 ? '' : `: ${why.join(', ')}`}.`;
    this.#unplaced.add(keyOf(pod.metadata));
    if (this.#setScheduled(pod, 'False', 'Unschedulable', message))
      tell(this.#context, COMPONENT, pod, 'Warning', 'FailedScheduling', message);
  }

  /** @returns whether that was new */
  #setScheduled(pod: Pod, status: 'True' | 'False', reason?: string, message?: string): boolean {
    const { store } = this.#context;
    const { namespace = '', name = '' } = pod.metadata;
    const known = store.find(Pods, namespace, name)?.status?.conditions?.find(c => c.type === 'PodScheduled');
    if (known?.status === status && known.message === message) return false;
    store.modify(
      Pods,
      namespace,
      name,
      draft => {
        draft.status ??= {};
        const others = (draft.status.conditions ?? []).filter(condition => condition.type !== 'PodScheduled');
        const lastTransitionTime = `${new Date(store.nowMs).toISOString().slice(0, 19)}Z`;
        const said = { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
        draft.status.conditions = [...others, { type: 'PodScheduled', status, lastTransitionTime, ...said }];
      },
      { subresource: 'status' },
    );
    return true;
  }
}

/** Why a node cannot take a pod, in the scheduler's words; undefined: it can. Also what a DaemonSet asks. */
export function whyNot(pod: Pick<Pod, 'spec'>, node: Node): string | undefined {
  const { spec = {}, metadata } = node;
  const selector = pod.spec?.nodeSelector ?? {};
  if (!matchesLabels({ matchLabels: selector }, metadata.labels) || !affine(pod, node))
    return "node(s) didn't match Pod's node affinity/selector";
  const tolerated = (taint: { key: string; value?: string; effect: string }) =>
    (pod.spec?.tolerations ?? []).some(
      t =>
        (t.effect === undefined || t.effect === taint.effect) &&
        ((t.key ?? '') === '' || t.key === taint.key) &&
        (t.operator === 'Exists' || (t.value ?? '') === (taint.value ?? '')),
    );
  if (spec.unschedulable === true && !tolerated({ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }))
    return 'node(s) were unschedulable';
  for (const taint of spec.taints ?? [])
    if (taint.effect !== 'PreferNoSchedule' && !tolerated(taint as { key: string; value?: string; effect: string }))
      return `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`;
  return undefined;
}

interface NodeSelectorTerm {
  readonly matchExpressions?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
  readonly matchFields?: readonly { readonly key: string; readonly operator: string; readonly values?: readonly string[] }[];
}

/** requiredDuringSchedulingIgnoredDuringExecution: one of the terms holds. */
function affine(pod: Pick<Pod, 'spec'>, { metadata }: Node): boolean {
  const affinity = pod.spec?.affinity as
    | { nodeAffinity?: { requiredDuringSchedulingIgnoredDuringExecution?: { nodeSelectorTerms?: readonly NodeSelectorTerm[] } } }
    | undefined;
  const terms = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined) return true;
  return terms.some(
    ({ matchExpressions = [], matchFields = [] }) =>
      matchExpressions.length + matchFields.length > 0 &&
      matchesLabels({ matchExpressions }, metadata.labels) &&
      matchesLabels({ matchExpressions: matchFields }, { 'metadata.name': metadata.name! }),
  );
}

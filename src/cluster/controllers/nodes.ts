/** Nodes: their range of addresses, and what becomes of one that no longer says that it lives (k/k `pkg/controller/nodeipam`, `nodelifecycle`, `podgc`). */
import { Leases, Nodes, Pods } from '../resources/index.ts';
import type { Node, NodeStatus } from '../schema/cluster.ts';
import type { Pod } from '../schema/pod.ts';
import { type Draft, timeText } from '../store/object.ts';
import { type Controller, type ControllerContext, keyOf, placeOf, queueOf, tell } from './context.ts';
import { isReady } from './pod-state.ts';
import type { WorkQueue } from './work-queue.ts';

const COMPONENT = 'node-controller';
/** `--node-monitor-grace-period`, and how long pods stay on a node that is not ready (DefaultTolerationSeconds). */
const GRACE_MS = 50_000;
const EVICT_MS = 300_000;
const LEASES = 'kube-node-lease';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const NOT_READY = 'node.kubernetes.io/not-ready';

export interface NodeOptions {
  /** The range of a node's pods; undefined: somebody else gives it. */
  readonly podCidr?: (node: Node) => string | undefined;
}

export class NodeController implements Controller {
  readonly #context: ControllerContext;
  readonly #options: NodeOptions;
  readonly #queue: WorkQueue;
  /** When a node was found to be silent. */
  readonly #silentSince = new Map<string, number>();
  readonly #stops: (() => void)[];

  constructor(context: ControllerContext, options: NodeOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.#queue = queueOf(context, COMPONENT, key => this.#look(placeOf(key).name));
    this.#stops = [
      context.store.follow(Nodes, {}, ({ object }) => this.#queue.add(keyOf(object.metadata))),
      context.store.follow(Leases, { namespace: LEASES }, ({ object }) => this.#queue.add(`/${object.metadata.name}`)),
      // A pod that was bound to a node after that had gone.
      context.store.follow(Pods, {}, ({ type, object }) => {
        const node = object.spec?.nodeName ?? '';
        if (type !== 'DELETED' && node !== '' && context.store.find(Nodes, '', node) === undefined) this.#queue.add(`/${node}`);
      }),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#queue.stop();
  }

  #look(name: string): void {
    const { store } = this.#context;
    const node = store.find(Nodes, '', name);
    if (node === undefined) {
      this.#gone(name);
      return;
    }
    this.#giveRange(node);
    const renewed = Date.parse(store.find(Leases, LEASES, name)?.spec?.renewTime ?? '');
    const heard = Number.isNaN(renewed) ? Date.parse(node.metadata.creationTimestamp ?? '') : renewed;
    const left = heard + GRACE_MS - store.nowMs;
    const silent = left <= 0 && !Number.isNaN(renewed);
    if (silent) this.#silent(node);
    else {
      this.#silentSince.delete(name);
      if (left > 0) this.#queue.addAfter(keyOf(node.metadata), left);
    }
    this.#taint(name);
  }

  #giveRange({ metadata, spec }: Node): void {
    if ((spec?.podCIDR ?? '') !== '') return;
    const range = this.#options.podCidr?.({ metadata, spec } as Node);
    if (range === undefined) return;
    this.#context.store.modify(Nodes, '', metadata.name!, draft => {
      draft.spec = { ...draft.spec, podCIDR: range, podCIDRs: [range] };
    });
  }

  /** The kubelet has not renewed its lease: whatever it said last is not known any more. */
  #silent(node: Node): void {
    const { store } = this.#context;
    const name = node.metadata.name!;
    const since = this.#silentSince.get(name) ?? store.nowMs;
    if (!this.#silentSince.has(name)) {
      this.#silentSince.set(name, since);
      store.modify(Nodes, '', name, draft => void forget(draft.status!, store.nowMs), { subresource: 'status' });
      tell(this.#context, COMPONENT, node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
      for (const pod of this.#podsOf(name)) this.#markNotReady(pod);
    }
    const left = since + EVICT_MS - store.nowMs;
    if (left > 0) this.#queue.addAfter(keyOf(node.metadata), left);
    else for (const pod of this.#podsOf(name)) this.#evict(pod);
  }

  #podsOf(node: string): readonly Pod[] {
    return this.#context.store.list(Pods, { fieldSelector: `spec.nodeName=${node}` }).items;
  }

  #markNotReady(pod: Pod): void {
    if (!isReady(pod)) return;
    const { store } = this.#context;
    store.modify(
      Pods,
      pod.metadata.namespace!,
      pod.metadata.name!,
      draft => {
        const ready = draft.status!.conditions!.find(condition => condition.type === 'Ready')!;
        ready.status = 'False';
        ready.reason = 'NodeNotReady';
        ready.message = 'Node is not ready';
        ready.lastTransitionTime = timeText(store.nowMs);
      },
      { subresource: 'status' },
    );
  }

  #evict(pod: Pod): void {
    if (pod.metadata.deletionTimestamp !== undefined) return;
    const stays = (pod.spec?.tolerations ?? []).some(
      t => t.operator === 'Exists' && (t.key === UNREACHABLE || t.key === undefined) && t.tolerationSeconds === undefined,
    );
    if (!stays) this.#context.store.delete(Pods, pod.metadata.namespace!, pod.metadata.name!);
  }

  /** Nobody is left who could end its pods. */
  #gone(name: string): void {
    for (const { metadata } of this.#podsOf(name))
      this.#context.store.delete(Pods, metadata.namespace!, metadata.name!, { gracePeriodSeconds: 0 });
  }

  /** What Ready says, as taints. */
  #taint(name: string): void {
    const { store } = this.#context;
    const node = store.find(Nodes, '', name)!;
    const ready = node.status?.conditions?.find(condition => condition.type === 'Ready')?.status;
    const key = ready === undefined || ready === 'True' ? undefined : ready === 'Unknown' ? UNREACHABLE : NOT_READY;
    const has = (node.spec?.taints ?? []).filter(taint => taint.key === UNREACHABLE || taint.key === NOT_READY);
    if (has.length === (key === undefined ? 0 : 2) && has.every(taint => taint.key === key)) return;
    store.modify(Nodes, '', name, draft => {
      const others = (draft.spec?.taints ?? []).filter(taint => taint.key !== UNREACHABLE && taint.key !== NOT_READY);
      const timeAdded = timeText(store.nowMs);
      const own =
        key === undefined
          ? []
          : [
              { key, effect: 'NoSchedule' as const },
              { key, effect: 'NoExecute' as const, timeAdded },
            ];
      const taints = [...others, ...own];
      draft.spec = { ...draft.spec };
      if (taints.length > 0) draft.spec.taints = taints;
      else delete draft.spec.taints;
    });
  }
}

function forget(status: Draft<NodeStatus>, nowMs: number): void {
  for (const condition of status.conditions ?? []) {
    if (condition.status === 'Unknown') continue;
    condition.status = 'Unknown';
    condition.reason = 'NodeStatusUnknown';
    condition.message = 'Kubelet stopped posting node status.';
    condition.lastTransitionTime = timeText(nowMs);
  }
}

/** Deployments: a ReplicaSet for each template, and the way from the old ones to the new (k/k `pkg/controller/deployment`). */
import { Deployments, Pods, ReplicaSets } from '../resources/index.ts';
import type { Deployment, ReplicaSet } from '../schema/workload.ts';
import { type Draft, draftOf, sameJson } from '../store/object.ts';
import { matchesLabels } from '../store/selectors.ts';
import { isReason } from '../store/status.ts';
import { type Controller, type ControllerContext, controllerOf, keyOf, ownerReference, placeOf, queueOf, tell } from './context.ts';
import { statusOf } from './deployment-status.ts';
import { Owned } from './owned.ts';
import { isActive } from './pod-state.ts';
import { isComplete, limitsOf, nextSteps, type Step } from './rollout.ts';
import { TEMPLATE_HASH_LABEL, templateHash } from './template-hash.ts';
import type { WorkQueue } from './work-queue.ts';

const COMPONENT = 'deployment-controller';
const HASH = TEMPLATE_HASH_LABEL.deployment;
export const REVISION = 'deployment.kubernetes.io/revision';
const DESIRED = 'deployment.kubernetes.io/desired-replicas';
const MOST = 'deployment.kubernetes.io/max-replicas';

const revisionOf = ({ metadata }: ReplicaSet | Deployment): number => Number(metadata.annotations?.[REVISION] ?? 0);
const byAge = (a: ReplicaSet, b: ReplicaSet): number =>
  Date.parse(a.metadata.creationTimestamp ?? '') - Date.parse(b.metadata.creationTimestamp ?? '') || revisionOf(a) - revisionOf(b);

export class DeploymentController implements Controller {
  readonly #context: ControllerContext;
  readonly #queue: WorkQueue;
  readonly #sets: Owned<ReplicaSet>;
  readonly #byUid = new Map<string, string>();
  readonly #stops: (() => void)[];

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#queue = queueOf(context, COMPONENT, key => this.#look(key));
    this.#stops = [
      context.store.follow(Deployments, {}, ({ type, object }) => {
        if (type === 'DELETED') this.#byUid.delete(object.metadata.uid!);
        else this.#byUid.set(object.metadata.uid!, keyOf(object.metadata));
        this.#queue.add(keyOf(object.metadata));
      }),
      // Recreate waits for the last old pod.
      context.store.follow(Pods, {}, ({ type, object }) => {
        const set = controllerOf(object);
        if (type !== 'DELETED' || set?.kind !== 'ReplicaSet') return;
        const owner = context.store.find(ReplicaSets, object.metadata.namespace!, set.name);
        const key = owner && this.#byUid.get(controllerOf(owner)?.uid ?? '');
        if (key !== undefined) this.#queue.add(key);
      }),
    ];
    this.#sets = new Owned(context.store, ReplicaSets, (owner, set) => {
      const key = owner === undefined ? this.#selecting(set) : this.#byUid.get(owner);
      if (key !== undefined) this.#queue.add(key);
    });
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#sets.stop();
    this.#queue.stop();
  }

  #selecting({ metadata }: ReplicaSet): string | undefined {
    const found = this.#context.store
      .list(Deployments, { namespace: metadata.namespace! })
      .items.find(({ spec }) => matchesLabels(spec!.selector, metadata.labels));
    return found && keyOf(found.metadata);
  }

  #look(key: string): void {
    const { store } = this.#context;
    const { namespace, name } = placeOf(key);
    const deployment = store.find(Deployments, namespace, name);
    if (deployment === undefined) return;
    if (deployment.metadata.deletionTimestamp !== undefined) return void this.#tellStatus(deployment, undefined);
    this.#adopt(deployment);
    const sets = this.#sets.of(deployment).toSorted(byAge);
    let fresh = sets.find(set => isOf(set, deployment));
    const paused = deployment.spec!.paused === true;
    if (fresh === undefined && !paused) fresh = this.#create(deployment, sets);
    else if (fresh !== undefined && !paused) fresh = this.#revise(deployment, fresh, sets);
    const old = sets.filter(set => set.metadata.uid !== fresh?.metadata.uid);
    if (paused) this.#scalePaused(deployment, fresh ?? old.at(-1));
    else if (fresh !== undefined) {
      for (const step of nextSteps(deployment, fresh, old, this.#hasPods(old))) this.#scale(deployment, step);
      this.#forgetOld(deployment, old);
    }
    this.#tellStatus(deployment, fresh);
  }

  #adopt(deployment: Deployment): void {
    const { store } = this.#context;
    for (const set of store.list(ReplicaSets, { namespace: deployment.metadata.namespace! }).items) {
      if (controllerOf(set) !== undefined || set.metadata.deletionTimestamp !== undefined) continue;
      if (!matchesLabels(deployment.spec!.selector, set.metadata.labels)) continue;
      const adopted = store.modify(ReplicaSets, set.metadata.namespace!, set.metadata.name!, draft => {
        draft.metadata.ownerReferences = [...(draft.metadata.ownerReferences ?? []), ownerReference(deployment)];
      });
      this.#sets.add(adopted);
    }
  }

  #create(deployment: Deployment, others: readonly ReplicaSet[]): ReplicaSet | undefined {
    const { store } = this.#context;
    const { metadata, spec } = deployment;
    const hash = templateHash(spec!.template, deployment.status?.collisionCount);
    const template = draftOf(spec!.template ?? {}) as NonNullable<Draft<ReplicaSet>['spec']>['template'] & object;
    template.metadata = { ...template.metadata, labels: { ...template.metadata?.labels, [HASH]: hash } };
    const matchLabels = { ...spec!.selector.matchLabels, [HASH]: hash };
    const { surge } = limitsOf(deployment);
    const first = others.every(set => (set.spec?.replicas ?? 0) === 0);
    const replicas = spec!.strategy?.type === 'Recreate' ? 0 : first ? spec!.replicas! : 0;
    try {
      const set = store.create(ReplicaSets, {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        metadata: {
          name: `${metadata.name}-${hash}`,
          namespace: metadata.namespace!,
          labels: template.metadata.labels,
          annotations: {
            ...carried(metadata.annotations),
            [REVISION]: String(Math.max(0, ...others.map(revisionOf)) + 1),
            [DESIRED]: String(spec!.replicas),
            [MOST]: String(spec!.replicas! + surge),
          },
          ownerReferences: [ownerReference(deployment)],
        },
        spec: {
          replicas,
          ...(spec!.minReadySeconds === undefined ? {} : { minReadySeconds: spec!.minReadySeconds }),
          selector: { ...spec!.selector, matchLabels },
          template,
        },
      } as ReplicaSet);
      this.#sets.add(set);
      this.#setRevision(deployment, revisionOf(set));
      if (replicas > 0)
        tell(
          this.#context,
          COMPONENT,
          deployment,
          'Normal',
          'ScalingReplicaSet',
          `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`,
        );
      return set;
    } catch (error) {
      if (isReason(error, 'Forbidden') || isReason(error, 'NotFound')) return undefined; // its namespace goes
      if (!isReason(error, 'AlreadyExists')) throw error;
      // Another template has this name: the next one counts.
      store.modify(
        Deployments,
        metadata.namespace!,
        metadata.name!,
        draft => {
          draft.status = { ...draft.status, collisionCount: (draft.status?.collisionCount ?? 0) + 1 };
        },
        { subresource: 'status' },
      );
      return undefined;
    }
  }

  /** A template that was there before becomes the newest again: that is what a rollback is. */
  #revise(deployment: Deployment, fresh: ReplicaSet, sets: readonly ReplicaSet[]): ReplicaSet {
    const { store } = this.#context;
    const others = sets.filter(set => set !== fresh);
    const revision = Math.max(
      revisionOf(fresh),
      Math.max(0, ...others.map(revisionOf)) + (others.some(set => revisionOf(set) > revisionOf(fresh)) ? 1 : 0),
    );
    this.#setRevision(deployment, revision);
    const { surge } = limitsOf(deployment);
    return store.modify(ReplicaSets, fresh.metadata.namespace!, fresh.metadata.name!, draft => {
      draft.metadata.annotations = {
        ...draft.metadata.annotations,
        ...carried(deployment.metadata.annotations),
        [REVISION]: String(revision),
        [DESIRED]: String(deployment.spec!.replicas),
        [MOST]: String(deployment.spec!.replicas! + surge),
      };
      if (deployment.spec!.minReadySeconds !== undefined) draft.spec!.minReadySeconds = deployment.spec!.minReadySeconds;
    });
  }

  #setRevision({ metadata }: Deployment, revision: number): void {
    if (metadata.annotations?.[REVISION] === String(revision)) return;
    this.#context.store.modify(Deployments, metadata.namespace!, metadata.name!, draft => {
      draft.metadata.annotations = { ...draft.metadata.annotations, [REVISION]: String(revision) };
    });
  }

  #hasPods(sets: readonly ReplicaSet[]): boolean {
    const uids = new Set(sets.map(set => set.metadata.uid));
    if (uids.size === 0) return false;
    const pods = this.#context.store.list(Pods, { namespace: sets[0]!.metadata.namespace! }).items;
    return pods.some(pod => uids.has(controllerOf(pod)?.uid) && (isActive(pod) || pod.metadata.deletionTimestamp !== undefined));
  }

  /** A paused one rolls nothing out, but is as large as it is told to be. */
  #scalePaused(deployment: Deployment, set: ReplicaSet | undefined): void {
    if (set === undefined) return;
    const others = this.#sets.of(deployment).filter(each => each.metadata.uid !== set.metadata.uid);
    const rest = others.reduce((sum, { spec }) => sum + (spec?.replicas ?? 0), 0);
    const replicas = Math.max(0, deployment.spec!.replicas! - rest);
    if (replicas !== set.spec!.replicas) this.#scale(deployment, { set, replicas });
  }

  #scale(deployment: Deployment, { set, replicas }: Step): void {
    const before = set.spec!.replicas!;
    this.#context.store.modify(ReplicaSets, set.metadata.namespace!, set.metadata.name!, draft => {
      draft.spec!.replicas = replicas;
    });
    const way = replicas > before ? 'up' : 'down';
    const message = `Scaled ${way} replica set ${set.metadata.name} from ${before} to ${replicas}`;
    tell(this.#context, COMPONENT, deployment, 'Normal', 'ScalingReplicaSet', message);
  }

  #forgetOld(deployment: Deployment, old: readonly ReplicaSet[]): void {
    if (!isComplete(deployment)) return;
    const empty = old.filter(
      ({ spec, status, metadata }) => spec?.replicas === 0 && (status?.replicas ?? 0) === 0 && metadata.deletionTimestamp === undefined,
    );
    for (const { metadata } of empty.slice(0, Math.max(0, empty.length - (deployment.spec!.revisionHistoryLimit ?? 10))))
      this.#context.store.delete(ReplicaSets, metadata.namespace!, metadata.name!);
  }

  #tellStatus({ metadata }: Deployment, fresh: ReplicaSet | undefined): void {
    const { store } = this.#context;
    const now = store.find(Deployments, metadata.namespace!, metadata.name!);
    if (now === undefined) return;
    const sets = this.#sets.of(now);
    const status = statusOf(
      now,
      sets.find(set => set.metadata.uid === fresh?.metadata.uid),
      sets,
      store.nowMs,
    );
    const told = (draft: Draft<Deployment>): void => {
      draft.status = status;
    };
    store.modify(Deployments, metadata.namespace!, metadata.name!, told, { subresource: 'status' });
    const { progressDeadlineSeconds } = now.spec!;
    if (progressDeadlineSeconds !== undefined && !isComplete({ ...now, status } as Deployment))
      this.#queue.addAfter(keyOf(metadata), progressDeadlineSeconds * 1000 + 1000);
  }
}

/** The template of the set is that of the Deployment, but for the label with the hash. */
function isOf(set: ReplicaSet, { spec }: Deployment): boolean {
  const template = draftOf(set.spec!.template ?? {}) as { metadata?: { labels?: Record<string, string> } };
  if (template.metadata?.labels !== undefined) delete template.metadata.labels[HASH];
  const wanted = draftOf(spec!.template ?? {}) as { metadata?: { labels?: Record<string, string> } };
  return sameJson(template, wanted);
}

/** Annotations of a Deployment that its ReplicaSets bear too. */
function carried(annotations: Readonly<Record<string, string>> = {}): Record<string, string> {
  const own = ['kubectl.kubernetes.io/last-applied-configuration', REVISION, DESIRED, MOST];
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !own.includes(key)));
}

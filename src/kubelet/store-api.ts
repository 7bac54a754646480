/** The kubelet's view of the cluster, on the store. */
import { eventName } from '../cluster/controllers/event-name.ts';
import { ConfigMaps, Events, Pods, Secrets, Services } from '../cluster/resources/index.ts';
import type { Event } from '../cluster/schema/cluster.ts';
import type { Pod, PodStatus } from '../cluster/schema/pod.ts';
import { type Draft, draftOf, timeText } from '../cluster/store/object.ts';
import { isReason } from '../cluster/store/status.ts';
import type { Store } from '../cluster/store/store.ts';
import type { Settings } from './environment.ts';
import type { Happening, KubeletApi, PodEvent } from './kubelet-api.ts';

export class StoreApi implements KubeletApi {
  readonly #store: Store;
  readonly #node: string;
  /** Names of Events by what they say: the same again is counted. */
  readonly #told = new Map<string, string>();
  #events = 0;

  constructor(store: Store, node: string) {
    this.#store = store;
    this.#node = node;
  }

  followPods(node: string, listener: (event: PodEvent) => void): () => void {
    return this.#store.follow(Pods, { fieldSelector: `spec.nodeName=${node}` }, listener);
  }

  updateStatus(pod: Pod, status: PodStatus): Pod {
    return this.#onSame(pod, () =>
      this.#store.modify(
        Pods,
        pod.metadata.namespace!,
        pod.metadata.name!,
        draft => {
          draft.status = draftOf(status);
        },
        { subresource: 'status' },
      ),
    );
  }

  removePod(pod: Pod): void {
    const { namespace = '', name = '', uid } = pod.metadata;
    this.#onSame(pod, () => {
      this.#store.delete(Pods, namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
      return pod;
    });
  }

  /** @returns what `write` returns; the pod as it is when another one has its name, or none */
  #onSame(pod: Pod, write: () => Pod): Pod {
    const { namespace = '', name = '', uid } = pod.metadata;
    if (this.#store.find(Pods, namespace, name)?.metadata.uid !== uid) return pod;
    return write();
  }

  tell(pod: Pod, { type, reason, message, container }: Happening): void {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const key = [uid, container ?? '', type, reason, message].join('\n');
    const now = timeText(this.#store.nowMs);
    const known = this.#told.get(key);
    try {
      if (known !== undefined && this.#store.find(Events, namespace, known) !== undefined) {
        this.#store.modify(Events, namespace, known, draft => {
          draft.count = (draft.count ?? 1) + 1;
          draft.lastTimestamp = now;
        });
        return;
      }
      if (this.#told.size >= MOST_TOLD) this.#told.clear();
      const suffix = (BigInt(Math.floor(this.#store.nowMs)) * 1_000_000n + BigInt(this.#events++ % 1_000_000)).toString(16);
      const field = container === undefined ? {} : { fieldPath: `spec.containers{${container}}` };
      const event: Draft<Event> = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: eventName(name, suffix), namespace },
        involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid, ...field },
        ...{ type, reason, message, count: 1, firstTimestamp: now, lastTimestamp: now },
        source: { component: 'kubelet', host: this.#node },
        reportingComponent: 'kubelet',
        reportingInstance: this.#node,
      };
      this.#told.set(key, this.#store.create(Events, event as Event).metadata.name!);
    } catch (error) {
      // Its namespace goes, or is gone: then nobody can be told.
      if (!isReason(error, 'NotFound') && !isReason(error, 'Forbidden')) throw error;
    }
  }

  settings(namespace: string): Settings {
    return {
      configMap: name => this.#store.find(ConfigMaps, namespace, name),
      secret: name => this.#store.find(Secrets, namespace, name),
      services: () => {
        const kubernetes = this.#store.find(Services, 'default', 'kubernetes');
        const own = this.#store.list(Services, { namespace }).items;
        return kubernetes === undefined || namespace === 'default' ? own : [kubernetes, ...own];
      },
    };
  }
}

const MOST_TOLD = 4096;

/** The objects of one kind by the uid of the controller that owns them: asked at every look, so kept as changes come. */
import type { ApiObject } from '../store/object.ts';
import type { ResourceType } from '../store/resource-type.ts';
import type { Store } from '../store/store.ts';
import { controllerOf, keyOf } from './context.ts';

export class Owned<T extends ApiObject> {
  readonly #store: Store;
  readonly #type: ResourceType<T>;
  /** Keys of objects by uid of their owner. */
  readonly #byOwner = new Map<string, Set<string>>();
  readonly #stop: () => void;

  /** @param changed called for each change with the uid of the owner; undefined for one that has none */
  constructor(store: Store, type: ResourceType<T>, changed: (owner: string | undefined, object: T) => void) {
    this.#store = store;
    this.#type = type;
    this.#stop = store.follow(type, {}, ({ type: what, object, old }) => {
      const [before, now] = [old && controllerOf(old)?.uid, what === 'DELETED' ? undefined : controllerOf(object)?.uid];
      const key = keyOf(object.metadata);
      if (before !== undefined && before !== now) this.#byOwner.get(before)?.delete(key);
      if (now !== undefined) {
        const keys = this.#byOwner.get(now) ?? new Set();
        this.#byOwner.set(now, keys.add(key));
      }
      if (before !== undefined && before !== now) changed(before, object);
      changed(now ?? before, object);
    });
  }

  /** As they are in the store now: one that was just made is found too, when `add` was told of it. */
  of(owner: ApiObject): T[] {
    return [...(this.#byOwner.get(owner.metadata.uid!) ?? [])].flatMap(key => {
      const slash = key.indexOf('/');
      const found = this.#store.find(this.#type, key.slice(0, slash), key.slice(slash + 1));
      return found !== undefined && controllerOf(found)?.uid === owner.metadata.uid ? [found] : [];
    });
  }

  /** Made by the controller itself: known before the change comes round. */
  add(object: T): void {
    const owner = controllerOf(object)!.uid;
    const keys = this.#byOwner.get(owner) ?? new Set();
    this.#byOwner.set(owner, keys.add(keyOf(object.metadata)));
  }

  stop(): void {
    this.#stop();
  }
}

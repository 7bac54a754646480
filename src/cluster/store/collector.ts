/**
 * Deletes what depends on what is gone, as Kubernetes' garbage collector does: an object with owners goes when the last of them is gone; an owner
 * deleted in the foreground stays until its blocking dependents are gone; one deleted as `Orphan` lets go of its dependents first.
 */
import type { ApiObject, OwnerReference } from './object.ts';
import type { ResourceType } from './resource-type.ts';
import { isReason } from './status.ts';
import { FOREGROUND_FINALIZER, ORPHAN_FINALIZER, type Store } from './store.ts';
import type { WatchEvent } from './watch.ts';

interface Place {
  readonly type: ResourceType;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export class Collector {
  readonly #store: Store;
  /** Objects by uid. */
  readonly #known = new Map<string, Place>();
  /** Dependents by the uid of an owner, each by its own uid. */
  readonly #dependents = new Map<string, Map<string, Place>>();
  readonly #stops: (() => void)[];

  /** Starts at once. */
  constructor(store: Store) {
    this.#store = store;
    this.#stops = store.types.map(type => store.follow(type, {}, event => this.#see(type, event)));
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #see(type: ResourceType, { type: change, object, old }: WatchEvent): void {
    const { metadata } = object;
    const place: Place = { type, namespace: metadata.namespace ?? '', name: metadata.name!, uid: metadata.uid! };
    const after = change === 'DELETED' ? [] : (metadata.ownerReferences ?? []);
    for (const { uid } of old?.metadata.ownerReferences ?? []) if (!after.some(owner => owner.uid === uid)) this.#forget(uid, place);
    for (const { uid } of after) {
      const known = this.#dependents.get(uid) ?? new Map<string, Place>();
      this.#dependents.set(uid, known.set(place.uid, place));
    }
    if (change === 'DELETED') {
      this.#known.delete(place.uid);
      for (const dependent of this.#dependentsOf(place.uid)) this.#consider(dependent);
      return;
    }
    this.#known.set(place.uid, place);
    if (after.length > 0) this.#consider(place);
    if (metadata.deletionTimestamp !== undefined) this.#advance(place, object);
  }

  #forget(owner: string, dependent: Place): void {
    const known = this.#dependents.get(owner);
    known?.delete(dependent.uid);
    if (known?.size === 0) this.#dependents.delete(owner);
    const place = this.#known.get(owner);
    const object = place === undefined ? undefined : this.#find(place);
    if (object?.metadata.deletionTimestamp !== undefined) this.#advance(place!, object);
  }

  #dependentsOf(uid: string): Place[] {
    return [...(this.#dependents.get(uid)?.values() ?? [])];
  }

  /** The object, if it is still the same one. */
  #find({ type, namespace, name, uid }: Place): ApiObject | undefined {
    const object = this.#store.find(type, namespace, name);
    return object?.metadata.uid === uid ? object : undefined;
  }

  /** Is the owner there? Asked of the store, not of what was seen: that may be a turn behind. */
  #exists(owner: OwnerReference, namespace: string): boolean {
    const type = this.#store.typeOfKind(owner.apiVersion, owner.kind);
    // Of kinds that are not kept here nothing is known.
    if (type === undefined) return true;
    return this.#find({ type, namespace: type.scope === 'cluster' ? '' : namespace, name: owner.name, uid: owner.uid }) !== undefined;
  }

  /** Deletes a dependent whose owners are all gone; takes those that are gone out of its list otherwise. */
  #consider(place: Place): void {
    const object = this.#find(place);
    const owners = object?.metadata.ownerReferences ?? [];
    if (object === undefined || owners.length === 0) return;
    const left = owners.filter(owner => this.#exists(owner, place.namespace));
    if (left.length === owners.length) return;
    if (left.length === 0) this.#delete(place, object.metadata.finalizers?.includes(ORPHAN_FINALIZER) === true ? 'Orphan' : 'Background');
    else this.#own(place, left);
  }

  #delete(place: Place, propagationPolicy: 'Background' | 'Foreground' | 'Orphan'): void {
    if (this.#find(place)?.metadata.deletionTimestamp !== undefined) return;
    this.#store.delete(place.type, place.namespace, place.name, { propagationPolicy, preconditions: { uid: place.uid } });
  }

  #own(place: Place, owners: readonly OwnerReference[]): void {
    this.#store.modify(place.type, place.namespace, place.name, draft => {
      if (owners.length > 0) draft.metadata.ownerReferences = owners.map(owner => ({ ...owner }));
      else delete draft.metadata.ownerReferences;
    });
  }

  /** An object that waits for its dependents: does what its finalizer asks, and takes that away when it is done. */
  #advance(place: Place, object: ApiObject): void {
    const finalizers = object.metadata.finalizers ?? [];
    if (finalizers.includes(ORPHAN_FINALIZER)) {
      for (const dependent of this.#dependentsOf(place.uid)) {
        const owners = this.#find(dependent)?.metadata.ownerReferences;
        if (owners !== undefined)
          this.#own(
            dependent,
            owners.filter(owner => owner.uid !== place.uid),
          );
      }
      this.#release(place, ORPHAN_FINALIZER);
    } else if (finalizers.includes(FOREGROUND_FINALIZER)) {
      let blocking = 0;
      for (const dependent of this.#dependentsOf(place.uid)) {
        const found = this.#find(dependent);
        if (found === undefined) continue;
        if (found.metadata.ownerReferences?.some(owner => owner.uid === place.uid && owner.blockOwnerDeletion === true)) blocking++;
        this.#delete(dependent, 'Foreground');
      }
      if (blocking === 0) this.#release(place, FOREGROUND_FINALIZER);
    }
  }

  #release(place: Place, finalizer: string): void {
    try {
      this.#store.modify(place.type, place.namespace, place.name, draft => {
        draft.metadata.finalizers = (draft.metadata.finalizers ?? []).filter(name => name !== finalizer);
      });
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error;
    }
  }
}

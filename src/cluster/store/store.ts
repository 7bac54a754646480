/**
 * The cluster's objects: kept in memory, changed one at a time, and followed. What the API server does with a request after it was read, happens
 * here, so that a controller that calls the store and a `kubectl` that sends a request get the same defaults, the same refusals and the same addresses.
 *
 * - Everything is synchronous. What a call returns is frozen and plain JSON; `draftOf` makes a copy to change.
 * - Each write has a revision of its own, which becomes the object's `resourceVersion`.
 * - Errors are `ApiError`, each with a Kubernetes Status.
 * - Nobody is called back from inside a write: watchers are woken in the next turn of the loop (`schedule`).
 */
import { FieldErrors } from '../objects/field-errors.ts';
import { addPropagationFinalizer, isHeld, keepField, prefixOf, requirePreconditions, sameDesire, selection, throwLater } from './draft.ts';
import { Expiry } from './expiry.ts';
import type { JournalContent } from './file-journal.ts';
import { Followers } from './followers.ts';
import { type List, listPage } from './list.ts';
import { clearIdentity, keepIdentity, newUid, objectNamespace, setName, validateMetadata, validateMetadataUpdate } from './metadata.ts';
import { type ApiObject, type Draft, deepFreeze, draftOf, sameJson, timeText } from './object.ts';
import type { DeleteOptions, ListOptions, Selection, StoreOptions, UpdateOptions, WriteOptions } from './options.ts';
import { type Admission, apiVersionOf, type Operation, type Reservation, type ResourceType, typeName } from './resource-type.ts';
import { ApiError, alreadyExists, conflict, expired, forbidden, invalid, modified, notFound } from './status.ts';
import { type Change, keyOf, Table } from './table.ts';
import { type WatchEvent, Watcher } from './watch.ts';

export { FOREGROUND_FINALIZER, ORPHAN_FINALIZER, propagationPolicies } from './options.ts';
export type { DeleteOptions, ListOptions, Selection, StoreOptions, UpdateOptions, WriteOptions };

/** Changes that are kept of each type, unless told otherwise. */
const DEFAULT_HISTORY = 8192;

export class Store {
  readonly types: readonly ResourceType[];
  readonly #options: StoreOptions;
  readonly #tables = new Map<string, Table>();
  readonly #followers: Followers;
  readonly #expiry = new Expiry();
  #revision = 1;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.types = options.types;
    this.#followers = new Followers(options.schedule ?? (run => void setImmediate(run)), options.onListenerError ?? throwLater);
    for (const name of options.types.map(typeName))
      this.#tables.set(name, new Table(options.history ?? DEFAULT_HISTORY, this.#revision, () => this.#followers.lowestPlace(name)));
  }

  /** Of the newest write. */
  get revision(): number {
    return this.#revision;
  }
  get nowMs(): number {
    return this.#options.clock.nowMs();
  }
  type(name: string): ResourceType | undefined {
    return this.types.find(type => typeName(type) === name);
  }
  typeOfKind(apiVersion: string, kind: string): ResourceType | undefined {
    return this.types.find(type => type.kind === kind && apiVersionOf(type) === apiVersion);
  }
  count(type: ResourceType): number {
    return this.#table(type).size;
  }

  find<T extends ApiObject>(type: ResourceType<T>, namespace: string, name: string): T | undefined {
    return this.#table(type).get(keyOf(namespace, name)) as T | undefined;
  }
  /** @throws ApiError NotFound */
  get<T extends ApiObject>(type: ResourceType<T>, namespace: string, name: string): T {
    const object = this.find(type, namespace, name);
    if (object === undefined) throw notFound(type, name);
    return object;
  }

  /** In order of namespace and name. */
  list<T extends ApiObject>(type: ResourceType<T>, options: ListOptions = {}): List<T> {
    return listPage(this.#table(type), {
      prefix: prefixOf(options.namespace),
      matches: selection(type, options),
      limit: options.limit ?? 0,
      token: options.continue,
      at: options.at,
      revision: this.#revision,
    }) as List<T>;
  }

  create<T extends ApiObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): T {
    const draft = this.#draft(type, object);
    const meta = draft.metadata;
    clearIdentity(meta);
    setName(meta, this.#options.random);
    meta.uid = newUid(this.#options.random);
    meta.creationTimestamp = timeText(this.nowMs);
    if (type.hasGeneration === true) meta.generation = 1;
    type.prepareForCreate?.(draft);
    if (options.dryRun !== true) this.#expire(type);
    this.#requireNamespace(type, meta.namespace, meta.name ?? '');
    return this.#admitted(
      'create',
      type,
      draft,
      undefined,
      () => {
        type.defaults?.(draft);
        const errors = new FieldErrors();
        validateMetadata(draft.metadata, type, errors);
        type.validate?.(draft as T, errors);
        if (errors.all.length > 0) throw invalid(type, meta.name ?? meta.generateName ?? '', errors.all);
        if (this.find(type, meta.namespace ?? '', meta.name!) !== undefined) throw alreadyExists(type, meta.name!);
        return this.#put(type, draft, undefined, options);
      },
      options,
    );
  }

  /** The new state of an object. With a resourceVersion in it: only when nobody else wrote since. */
  update<T extends ApiObject>(type: ResourceType<T>, object: T, options: UpdateOptions = {}): T {
    const { name = '', resourceVersion = '' } = object.metadata;
    const namespace = objectNamespace(object.metadata, type);
    const old = this.get(type, namespace, name);
    if (resourceVersion !== '' && resourceVersion !== old.metadata.resourceVersion) throw modified(type, name);
    const { uid } = object.metadata;
    if (uid !== undefined && uid !== '' && uid !== old.metadata.uid)
      throw conflict(type, name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`);
    const draft = this.#draft(type, object);
    keepIdentity(draft.metadata, old.metadata);
    return options.subresource === 'status' ? this.#updateStatus(type, draft, old, options) : this.#updateMain(type, draft, old, options);
  }

  /** Reads, lets `change` change the copy, and writes. Nothing can come in between. */
  modify<T extends ApiObject>(
    type: ResourceType<T>,
    namespace: string,
    name: string,
    change: (draft: Draft<T>) => void,
    options: UpdateOptions = {},
  ): T {
    const draft = draftOf(this.get(type, namespace, name));
    change(draft);
    return this.update(type, draft as T, options);
  }

  /** The subresource `finalize`: changes what holds an object back, which an ordinary update may not. */
  finalize<T extends ApiObject>(type: ResourceType<T>, namespace: string, name: string, change: (draft: Draft<T>) => void): T {
    const old = this.get(type, namespace, name);
    const draft = draftOf(old);
    change(draft);
    return this.#putOrRemove(type, draft, old, {});
  }

  #updateMain<T extends ApiObject>(type: ResourceType<T>, draft: Draft<T>, old: T, options: UpdateOptions): T {
    if (type.hasStatus === true) keepField(draft, old, 'status');
    type.prepareForUpdate?.(draft, old);
    return this.#admitted(
      'update',
      type,
      draft,
      old,
      () => {
        type.defaults?.(draft);
        const errors = new FieldErrors();
        validateMetadata(draft.metadata, type, errors);
        validateMetadataUpdate(draft.metadata, old.metadata, errors);
        type.validate?.(draft as T, errors);
        type.validateUpdate?.(draft as T, old, errors);
        if (errors.all.length > 0) throw invalid(type, old.metadata.name!, errors.all);
        if (type.hasGeneration === true && !sameDesire(draft as ApiObject, old))
          draft.metadata.generation = (old.metadata.generation ?? 0) + 1;
        return this.#putOrRemove(type, draft, old, options);
      },
      options,
    );
  }

  #updateStatus<T extends ApiObject>(type: ResourceType<T>, draft: Draft<T>, old: T, options: UpdateOptions): T {
    const kept = draftOf(old);
    if (draft.metadata.managedFields !== undefined) kept.metadata.managedFields = draft.metadata.managedFields;
    keepField(kept, draft, 'status');
    const errors = new FieldErrors();
    type.defaults?.(kept);
    type.validateStatusUpdate?.(kept as T, old, errors);
    if (errors.all.length > 0) throw invalid(type, old.metadata.name!, errors.all);
    return this.#putOrRemove(type, kept, old, options);
  }

  /**
   * Asks for an object to go. With finalizers, or a grace period, it stays with a deletionTimestamp until they are over.
   *
   * @returns the object, and whether it is gone
   */
  delete<T extends ApiObject>(
    type: ResourceType<T>,
    namespace: string,
    name: string,
    options: DeleteOptions = {},
  ): { object: T; gone: boolean } {
    const old = this.get(type, namespace, name);
    requirePreconditions(type, old, options);
    const refused = type.mayDelete?.(old);
    if (refused !== undefined) throw forbidden(type, name, refused);
    const draft = draftOf(old);
    const { metadata: meta } = draft;
    addPropagationFinalizer(draft, options.propagationPolicy);
    const grace = type.gracePeriodSeconds?.(old, options.gracePeriodSeconds) ?? 0;
    if (meta.deletionTimestamp === undefined) {
      meta.deletionTimestamp = timeText(this.nowMs + grace * 1000);
      meta.deletionGracePeriodSeconds = grace;
      if (type.hasGeneration === true) meta.generation = (meta.generation ?? 0) + 1;
      type.markDeleted?.(draft);
    } else if (grace < (meta.deletionGracePeriodSeconds ?? 0)) {
      meta.deletionTimestamp = timeText(this.nowMs + grace * 1000);
      meta.deletionGracePeriodSeconds = grace;
    }
    if (isHeld(type, draft as T) || meta.deletionGracePeriodSeconds !== 0)
      return { object: this.#put(type, draft, old, options), gone: false };
    return { object: this.#remove(type, draft, old, options), gone: true };
  }

  /** Everything that is selected, one after another. What somebody else deleted meanwhile is left out. */
  deleteCollection<T extends ApiObject>(type: ResourceType<T>, list: ListOptions, options: DeleteOptions = {}): List<T> {
    const found = this.list(type, list);
    for (const { metadata } of found.items) this.delete(type, metadata.namespace ?? '', metadata.name!, options);
    return found;
  }

  /**
   * Follows a type.
   *
   * @param from  a revision: what came after it. Undefined: first all that is there as ADDED, then what comes.
   * @param wake  called in a turn of its own when there is something to `take`; not again before it was taken. Called once at the start.
   * @throws ApiError Expired when what came after `from` is no longer kept
   */
  watch<T extends ApiObject>(type: ResourceType<T>, options: Selection, from: number | undefined, wake: () => void): Watcher<T> {
    return this.#watch(type, options, from, wake, false);
  }

  stop(type: ResourceType, watcher: Watcher): void {
    this.#followers.remove(typeName(type), watcher);
  }

  /**
   * For controllers: calls `listener` for all that is there and for each change, in order, each in a later turn of the loop. Nothing is ever missed.
   *
   * @returns stops it
   */
  follow<T extends ApiObject>(type: ResourceType<T>, options: Selection, listener: (event: WatchEvent<T>) => void): () => void {
    const tell = (): void => {
      for (const event of watcher.take()) {
        if (watcher.isStopped) return;
        this.#followers.guard(() => listener(event));
      }
    };
    const watcher: Watcher<T> = this.#watch(type, options, undefined, tell, true);
    return () => this.stop(type, watcher);
  }

  #watch<T extends ApiObject>(
    type: ResourceType<T>,
    options: Selection,
    from: number | undefined,
    wake: () => void,
    pinned: boolean,
  ): Watcher<T> {
    const table = this.#table(type);
    if (from !== undefined && (!table.knows(from) || from > this.#revision))
      throw expired(`too old resource version: ${from} (${this.#revision})`);
    const matches = selection(type, options);
    const prefix = prefixOf(options.namespace);
    const wanted = (object: ApiObject): boolean =>
      (prefix === '' || object.metadata.namespace === options.namespace) && (matches === undefined || matches(object));
    const start = {
      sequence: from === undefined ? table.end : table.after(from),
      initial: from === undefined ? this.list(type, options).items : undefined,
    };
    const watcher = new Watcher<T>(table, start, wanted, wake, pinned);
    this.#followers.add(typeName(type), watcher);
    return watcher;
  }

  /** Puts back what a journal kept. Only for a store in which nothing was written yet. */
  restore({ floor, records }: JournalContent): void {
    for (const table of this.#tables.values()) table.forgetUpTo(floor);
    this.#revision = Math.max(this.#revision, floor);
    for (const { type, key, revision, operation, object } of records) {
      const table = this.#tables.get(type);
      const old = table?.get(key);
      const change = operation === 'delete' ? 'DELETED' : old === undefined ? 'ADDED' : 'MODIFIED';
      table?.apply({ type: change, revision, key, object: deepFreeze(object), old });
      this.#revision = Math.max(this.#revision, revision);
    }
  }

  /** All that is there, for a journal that begins anew. */
  state(): JournalContent {
    const records = [...this.#tables].flatMap(([type, table]) =>
      [...table.entries()].map(([key, object]) => ({
        type,
        key,
        object,
        revision: Number(object.metadata.resourceVersion),
        operation: 'put' as const,
      })),
    );
    return { floor: this.#revision, records };
  }

  #table(type: ResourceType): Table {
    const table = this.#tables.get(typeName(type));
    if (table === undefined) throw new ApiError('NotFound', 'the server could not find the requested resource');
    return table;
  }

  #draft<T extends ApiObject>(type: ResourceType<T>, object: T): Draft<T> {
    const draft = draftOf(object);
    // The order in which fields are shown.
    const { apiVersion: _, kind: __, metadata = {}, ...rest } = draft as Record<string, unknown>;
    const whole = { apiVersion: apiVersionOf(type), kind: type.kind, metadata, ...rest } as unknown as Draft<T>;
    const namespace = objectNamespace(whole.metadata, type);
    if (namespace === '') delete whole.metadata.namespace;
    else whole.metadata.namespace = namespace;
    return whole;
  }

  #requireNamespace(type: ResourceType, namespace: string | undefined, name: string): void {
    const { namespaces } = this.#options;
    if (namespaces === undefined || namespace === undefined || type.scope !== 'namespaced') return;
    const found = this.get(namespaces, '', namespace);
    if (found.metadata.deletionTimestamp !== undefined)
      throw forbidden(type, name, `unable to create new content in namespace ${namespace} because it is being terminated`);
  }

  /** Asks those who admit, then `write`; ends their reservations by how it went. */
  #admitted<T extends ApiObject>(
    operation: Operation,
    type: ResourceType<T>,
    draft: Draft<T>,
    old: T | undefined,
    write: () => T,
    { dryRun }: WriteOptions,
  ): T {
    const taken: Reservation[] = [];
    let done = false;
    try {
      type.defaults?.(draft);
      for (const admission of this.#options.admissions ?? []) {
        if (!admission.handles(type)) continue;
        const reservation = (admission as unknown as Admission<T>).admit(operation, draft, old, type);
        if (reservation !== undefined) taken.push(reservation);
      }
      const written = write();
      done = dryRun !== true;
      return written;
    } finally {
      for (const reservation of taken) done ? reservation.commit() : reservation.revert();
    }
  }

  #putOrRemove<T extends ApiObject>(type: ResourceType<T>, draft: Draft<T>, old: T, options: WriteOptions): T {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = draft.metadata;
    const ends = deletionTimestamp !== undefined && deletionGracePeriodSeconds === 0 && !isHeld(type, draft as T);
    return ends ? this.#remove(type, draft, old, options) : this.#put(type, draft, old, options);
  }

  /** A write that changes nothing is none. */
  #put<T extends ApiObject>(type: ResourceType<T>, draft: Draft<T>, old: T | undefined, { dryRun }: WriteOptions): T {
    const { metadata: meta } = draft;
    if (old === undefined) delete meta.resourceVersion;
    else meta.resourceVersion = old.metadata.resourceVersion!;
    if (old !== undefined && sameJson(draft, old)) return old;
    if (dryRun === true) return deepFreeze(draft as T);
    return this.#commit(type, draft, old, old === undefined ? 'ADDED' : 'MODIFIED');
  }

  #remove<T extends ApiObject>(type: ResourceType<T>, draft: Draft<T>, old: T, options: WriteOptions): T {
    if (options.dryRun === true) return deepFreeze(draft as T);
    return this.#admitted('delete', type, draftOf(old), old, () => this.#commit(type, draft, old, 'DELETED'), options);
  }

  #commit<T extends ApiObject>(type: ResourceType<T>, draft: Draft<T>, old: T | undefined, change: Change['type']): T {
    const revision = this.#revision + 1;
    draft.metadata.resourceVersion = String(revision);
    const object = deepFreeze(draft as T);
    const key = keyOf(object.metadata.namespace, object.metadata.name!);
    const name = typeName(type);
    this.#options.journal?.append({ type: name, key, revision, operation: change === 'DELETED' ? 'delete' : 'put', object });
    this.#revision = revision;
    this.#table(type).apply({ type: change, revision, key, object, old });
    if (change === 'ADDED') this.#expiry.created(type, object);
    this.#followers.wake(name);
    return object;
  }

  /** Removes what is too old, or one too many, of a kind that is not kept for ever. */
  #expire(type: ResourceType): void {
    for (const { namespace, name, uid } of this.#expiry.due(type, this.nowMs, () => this.list(type).items)) {
      const object = this.find(type, namespace, name);
      if (object?.metadata.uid === uid) this.#remove(type, draftOf(object), object, {});
    }
  }
}

/** A store for a whole cluster: every kind, the namespaces that each cluster has, and the housekeeping that belongs to the store itself. */

import { NAMESPACE_FINALIZER } from './resources/cluster.ts';
import { ConfigMaps, Namespaces, resourceTypes, ServiceAccounts } from './resources/index.ts';
import type { Namespace } from './schema/cluster.ts';
import { Collector } from './store/collector.ts';
import { FileJournal, type FileJournalOptions } from './store/file-journal.ts';
import type { ApiObject } from './store/object.ts';
import type { ResourceType } from './store/resource-type.ts';
import { isReason } from './store/status.ts';
import { Store, type StoreOptions } from './store/store.ts';

export const newClusterStore = (options: Omit<StoreOptions, 'types' | 'namespaces'>): Store =>
  new Store({ ...options, types: resourceTypes, namespaces: Namespaces as unknown as ResourceType });

/** The same, kept in a file: what was there when the last process ended is there again, and those who watched go on where they were. */
export function openClusterStore(
  path: string,
  options: Omit<StoreOptions, 'types' | 'namespaces' | 'journal'>,
  file: FileJournalOptions = {},
): { store: Store; close: () => void } {
  const journal = new FileJournal(path, file);
  const store = newClusterStore({ ...options, journal });
  store.restore(journal.content);
  journal.compactFrom(() => store.state());
  return { store, close: () => journal.close() };
}

export const systemNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const;

/** Makes what is missing of the namespaces that every cluster has. May be called again. */
export function bootstrap(store: Store): void {
  for (const name of systemNamespaces) createOnce(store, Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
}

/** Creates it unless something of that name is there. */
export function createOnce<T extends ApiObject>(store: Store, type: ResourceType<T>, object: T): void {
  if (store.find(type, object.metadata.namespace ?? '', object.metadata.name!) !== undefined) return;
  try {
    store.create(type, object);
  } catch (error) {
    // Its namespace may be on its way out.
    if (!isReason(error, 'AlreadyExists') && !isReason(error, 'Forbidden') && !isReason(error, 'NotFound')) throw error;
  }
}

/**
 * What happens by itself in a store: dependents go with their owners, a namespace that goes is emptied first, a new one gets its account and the
 * certificate of the API server. @returns stops it
 *
 * @param caCertificate PEM, for the ConfigMap `kube-root-ca.crt`; undefined: no ConfigMap is made
 */
export function startHousekeeping(store: Store, caCertificate?: string): () => void {
  const collector = new Collector(store);
  const emptier = new NamespaceEmptier(store);
  const stopFurnishing = store.follow(Namespaces, {}, ({ type, object }) => {
    if (type === 'DELETED' || object.metadata.deletionTimestamp !== undefined) return;
    const namespace = object.metadata.name!;
    createOnce(store, ServiceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace } });
    if (caCertificate === undefined) return;
    const metadata = { name: 'kube-root-ca.crt', namespace };
    createOnce(store, ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': caCertificate } });
  });
  return () => {
    collector.stop();
    emptier.stop();
    stopFurnishing();
  };
}

/** Deletes what is in a namespace that is to go, and lets go of it when nothing is left (k/k `pkg/controller/namespace`). */
class NamespaceEmptier {
  readonly #store: Store;
  readonly #types: readonly ResourceType[];
  readonly #leaving = new Set<string>();
  readonly #stops: (() => void)[] = [];

  constructor(store: Store) {
    this.#store = store;
    this.#types = store.types.filter(type => type.scope === 'namespaced');
    this.#stops.push(
      store.follow(Namespaces, {}, ({ type, object }) => {
        if (type === 'DELETED') this.#leaving.delete(object.metadata.name!);
        else if (object.metadata.deletionTimestamp !== undefined) this.#begin(object);
      }),
    );
    for (const type of this.#types)
      this.#stops.push(
        store.follow(type, {}, event => {
          const { namespace = '' } = event.object.metadata;
          if (this.#leaving.has(namespace) && event.type === 'DELETED') this.#finish(namespace);
        }),
      );
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #begin({ metadata: { name = '' } }: Namespace): void {
    if (this.#leaving.has(name)) return;
    this.#leaving.add(name);
    for (const type of this.#types)
      for (const { metadata } of this.#store.list(type, { namespace: name }).items)
        if (metadata.deletionTimestamp === undefined && this.#store.find(type, name, metadata.name!) !== undefined)
          this.#store.delete(type, name, metadata.name!, { propagationPolicy: 'Background' });
    this.#finish(name);
  }

  #finish(name: string): void {
    const namespace = this.#store.find(Namespaces, '', name);
    if (namespace === undefined || this.#types.some(type => this.#store.list(type, { namespace: name, limit: 1 }).items.length > 0)) return;
    this.#store.finalize(Namespaces, '', name, draft => {
      draft.spec = { finalizers: (draft.spec?.finalizers ?? []).filter(finalizer => finalizer !== NAMESPACE_FINALIZER) };
    });
  }
}

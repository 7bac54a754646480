/** Tells a sink of all that names are made of, as the store has it, and of each change. */
import { EndpointSlices, Namespaces, Pods, Services } from '../cluster/resources/index.ts';
import type { ApiObject } from '../cluster/store/object.ts';
import type { ResourceType } from '../cluster/store/resource-type.ts';
import type { Store } from '../cluster/store/store.ts';
import type { NamesSink, ObjectOf, WatchedKind } from './cluster-index.ts';

/** @returns stops it */
export function followStore(store: Store, sink: NamesSink): () => void {
  const stops = [
    follow(store, Namespaces, sink, 'Namespace'),
    follow(store, Services, sink, 'Service'),
    follow(store, EndpointSlices, sink, 'EndpointSlice'),
    follow(store, Pods, sink, 'Pod'),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function follow<K extends WatchedKind, T extends ApiObject & ObjectOf[K]>(
  store: Store,
  type: ResourceType<T>,
  sink: NamesSink,
  kind: K,
): () => void {
  const { items, revision } = store.list(type);
  sink.replace(kind, items);
  return store.follow(type, {}, event => {
    if (event.type === 'DELETED') sink.delete(kind, event.object);
    else if (event.revision > revision) sink.set(kind, event.object); // what is older was in the list
  });
}

/**
 * What names are made of, as lines of JSON: from who has the objects to a name server that is a process of its own. An object goes with the
 * fields that names need; a line is `{"list":KIND,"objects":[...]}`, `{"set":KIND,"object":{...}}` or `{"delete":KIND,"object":{...}}`.
 */
import type { EndpointSliceObject, NamedObject, NamesSink, ObjectOf, PodObject, ServiceObject, WatchedKind } from './cluster-index.ts';
import { watchedKinds } from './cluster-index.ts';

/** Writes the lines. */
export class FeedWriter implements NamesSink {
  readonly #write: (line: string) => void;

  /** @param write gets each line with its end */
  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  replace<K extends WatchedKind>(kind: K, objects: Iterable<ObjectOf[K]>): void {
    this.#send({ list: kind, objects: Array.from(objects, object => trimmed(kind, object)) });
  }
  set<K extends WatchedKind>(kind: K, object: ObjectOf[K]): void {
    this.#send({ set: kind, object: trimmed(kind, object) });
  }
  delete(kind: WatchedKind, object: NamedObject): void {
    this.#send({ delete: kind, object: { metadata: metadataOf(object) } });
  }
  #send(line: object): void {
    this.#write(`${JSON.stringify(line)}\n`);
  }
}

function metadataOf({ metadata: { name, namespace, labels, deletionTimestamp } }: NamedObject): NamedObject['metadata'] {
  return {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(labels === undefined ? {} : { labels }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

function trimmed<K extends WatchedKind>(kind: K, object: ObjectOf[K]): object {
  const metadata = metadataOf(object);
  switch (kind) {
    case 'Service': {
      const { type, clusterIP, clusterIPs, externalName, ports } = (object as ServiceObject).spec ?? {};
      return { metadata, spec: { type, clusterIP, clusterIPs, externalName, ports } };
    }
    case 'EndpointSlice': {
      const { endpoints = [], ports } = object as EndpointSliceObject;
      return { metadata, endpoints: endpoints.map(({ addresses, conditions, hostname }) => ({ addresses, conditions, hostname })), ports };
    }
    case 'Pod':
      return { metadata, status: { podIP: (object as PodObject).status?.podIP } };
    default:
      return { metadata };
  }
}

interface Line {
  readonly list?: WatchedKind;
  readonly set?: WatchedKind;
  readonly delete?: WatchedKind;
  readonly object?: NamedObject;
  readonly objects?: readonly NamedObject[];
}

/** Applies one line. @throws SyntaxError for one that is none: who writes them is this project */
export function applyFeedLine(text: string, sink: NamesSink): void {
  const line = JSON.parse(text) as Line;
  const known = (kind: WatchedKind | undefined): kind is WatchedKind => kind !== undefined && watchedKinds.includes(kind);
  if (known(line.list)) sink.replace(line.list, line.objects ?? []);
  else if (known(line.set)) sink.set(line.set, line.object!);
  else if (known(line.delete)) sink.delete(line.delete, line.object!);
}

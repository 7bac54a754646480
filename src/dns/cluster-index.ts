/** Services, EndpointSlices, Namespaces and Pods as a watch tells of them, kept so that each question is a look-up. */
import { parseIp } from '../base/ip.ts';
import { SERVICE_NAME_LABEL } from '../cluster/objects/types.ts';
import { type EndpointEntry, type EndpointSet, NO_PORT, type PortEntry, type RecordsSource, type ServiceEntry } from './records-source.ts';
import { TermIndex } from './term-index.ts';

/** The kinds that names are made of. */
export const watchedKinds = ['Namespace', 'Service', 'EndpointSlice', 'Pod'] as const;
export type WatchedKind = (typeof watchedKinds)[number];

interface Meta {
  readonly name?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly deletionTimestamp?: unknown;
}
interface Port {
  readonly name?: string;
  readonly protocol?: string;
  readonly port?: number;
}
export interface NamedObject {
  readonly metadata: Meta;
}
export interface ServiceObject extends NamedObject {
  readonly spec?: {
    readonly type?: string;
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalName?: string;
    readonly ports?: readonly Port[];
  };
}
export interface EndpointSliceObject extends NamedObject {
  readonly endpoints?: readonly {
    readonly addresses?: readonly string[];
    readonly conditions?: { readonly ready?: boolean };
    readonly hostname?: string;
  }[];
  readonly ports?: readonly Port[];
}
export interface PodObject extends NamedObject {
  readonly status?: { readonly podIP?: string };
}
export interface ObjectOf {
  readonly Namespace: NamedObject;
  readonly Service: ServiceObject;
  readonly EndpointSlice: EndpointSliceObject;
  readonly Pod: PodObject;
}

/** Who is told of the objects that names are made of. */
export interface NamesSink {
  /** All objects of a kind, from a list: what it does not hold is gone. */
  replace<K extends WatchedKind>(kind: K, objects: Iterable<ObjectOf[K]>): void;
  /** An object that was added or changed. */
  set<K extends WatchedKind>(kind: K, object: ObjectOf[K]): void;
  delete(kind: WatchedKind, object: NamedObject): void;
}

export class ClusterIndex implements RecordsSource, NamesSink {
  readonly #services = new TermIndex<ServiceEntry>();
  readonly #slices = new TermIndex<EndpointSet>();
  readonly #namespaces = new TermIndex<string>();
  readonly #pods = new TermIndex<string>();
  readonly #listed = new Set<WatchedKind>();
  readonly #nowSeconds: () => number;
  #serial: number;

  /** @param nowSeconds since 1970, for the serial of the zone */
  constructor(nowSeconds: () => number) {
    this.#nowSeconds = nowSeconds;
    this.#serial = nowSeconds();
  }

  replace<K extends WatchedKind>(kind: K, objects: Iterable<ObjectOf[K]>): void {
    const gone = new Set(this.#indexOf(kind).keys);
    for (const object of objects) {
      gone.delete(keyOf(object.metadata));
      this.set(kind, object);
    }
    for (const key of gone) this.#indexOf(kind).delete(key);
    this.#listed.add(kind);
    this.#touch();
  }

  set<K extends WatchedKind>(kind: K, object: ObjectOf[K]): void {
    const key = keyOf(object.metadata);
    switch (kind) {
      case 'Namespace':
        this.#namespaces.set(key, key, []);
        break;
      case 'Service': {
        const entry = serviceEntry(object as ServiceObject);
        this.#services.set(key, entry, entry.clusterIps);
        break;
      }
      case 'EndpointSlice': {
        const set = endpointSet(object as EndpointSliceObject);
        this.#slices.set(key, set, [serviceKey(set.namespace, set.service), ...new Set(set.addresses.map(a => a.address))]);
        break;
      }
      case 'Pod': {
        const { metadata, status } = object as PodObject;
        const ip = parseIp(status?.podIP ?? '');
        const lives = ip !== undefined && metadata.deletionTimestamp === undefined;
        this.#pods.set(key, key, lives ? [`${metadata.namespace ?? ''} ${ip.text}`] : []);
        break;
      }
    }
    this.#touch();
  }

  delete(kind: WatchedKind, object: NamedObject): void {
    this.#indexOf(kind).delete(keyOf(object.metadata));
    this.#touch();
  }

  get synced(): boolean {
    return watchedKinds.every(kind => this.#listed.has(kind));
  }
  get serial(): number {
    return this.#serial;
  }
  hasNamespace(namespace: string): boolean {
    return this.#namespaces.get(`/${namespace}`) !== undefined;
  }
  service(namespace: string, name: string): ServiceEntry | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }
  endpoints(namespace: string, service: string): readonly EndpointSet[] {
    return this.#slices.with(serviceKey(namespace, service));
  }
  serviceAt(address: string): ServiceEntry | undefined {
    return this.#services.with(address)[0];
  }
  endpointsAt(address: string): readonly EndpointSet[] {
    return this.#slices.with(address);
  }
  hasPod(namespace: string, address: string): boolean {
    return this.#pods.with(`${namespace} ${address}`).length > 0;
  }

  #touch(): void {
    this.#serial = this.#nowSeconds();
  }
  #indexOf(kind: WatchedKind): TermIndex<unknown> {
    const byKind = { Namespace: this.#namespaces, Service: this.#services, EndpointSlice: this.#slices, Pod: this.#pods };
    return byKind[kind] as TermIndex<unknown>;
  }
}

const keyOf = ({ namespace = '', name = '' }: Meta): string => `${namespace}/${name}`;
/** No address looks like it: both are terms of one index. */
const serviceKey = (namespace: string, service: string): string => `${namespace}/${service}`;

function serviceEntry({ metadata, spec = {} }: ServiceObject): ServiceEntry {
  const ips = spec.clusterIPs ?? [spec.clusterIP ?? ''];
  const kind = spec.type === 'ExternalName' ? 'ExternalName' : ips[0] === 'None' ? 'Headless' : 'ClusterIP';
  return {
    namespace: metadata.namespace ?? '',
    name: metadata.name ?? '',
    kind,
    clusterIps: kind === 'ClusterIP' ? ips.flatMap(ip => parseIp(ip)?.text ?? []) : [],
    externalName: spec.externalName ?? '',
    ports: (spec.ports ?? []).map(portEntry),
  };
}

/** Addresses that are ready; unknown counts as ready. */
function endpointSet({ metadata, endpoints = [], ports = [] }: EndpointSliceObject): EndpointSet {
  const addresses = endpoints
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses = [], hostname = '' }) => addresses.map(text => ({ address: parseIp(text)?.text, hostname })));
  return {
    namespace: metadata.namespace ?? '',
    service: metadata.labels?.[SERVICE_NAME_LABEL] ?? '',
    addresses: addresses.filter((entry): entry is EndpointEntry => entry.address !== undefined),
    ports: ports.map(portEntry),
  };
}

const portEntry = ({ name = '', protocol = 'TCP', port = NO_PORT }: Port): PortEntry => ({ name, protocol, port });

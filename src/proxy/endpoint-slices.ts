/**
 * EndpointSlices between two syncs (kubernetes `pkg/proxy/endpointslicecache.go`, `pkg/proxy/endpointschangetracker.go`): by Service and slice, what was applied and what waits.
 * An endpoint may move from one slice to another, so what a Service has is always computed from all of its slices.
 */
import { type IpFamily, joinHostPort, parseIp } from '../base/ip.ts';
import { type Endpoint, type EndpointSlice, LAST_CHANGE_ANNOTATION, SERVICE_NAME_LABEL } from '../cluster/objects/types.ts';
import type { Origin, RuleTarget } from './iptables/rule.ts';
import { servicePortKey } from './service-port.ts';

export interface EndpointInfo {
  readonly ip: string;
  readonly port: number;
  /** `10.0.0.1:80`, `[fd00::1]:80`. */
  readonly text: string;
  readonly isLocal: boolean;
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly zoneHints: ReadonlySet<string> | undefined;
  readonly nodeHints: ReadonlySet<string> | undefined;
  /** Name of the slice it comes from, and its place there. */
  readonly slice: string;
  readonly index: number;
  /** What the iptables mode has named for it; undefined until it is asked for. */
  chain: EndpointChain | undefined;
}

export interface EndpointChain {
  readonly name: string;
  /** The jump to it. */
  readonly entry: RuleTarget;
  readonly origin: Origin;
}

/** By `servicePortKey`; each list is sorted by `text`. */
export type EndpointsMap = Map<string, readonly EndpointInfo[]>;

interface SliceChange {
  readonly slice: EndpointSlice;
  readonly remove: boolean;
}
interface Slices {
  readonly applied: Map<string, SliceChange>;
  readonly pending: Map<string, SliceChange>;
  /** Of `applied`. */
  endpoints: EndpointsMap;
}

export interface EndpointsUpdate {
  /** `namespace/name` of each Service with another set of slices. */
  readonly updated: ReadonlySet<string>;
  /** A UDP port of one of them had endpoints, or has. */
  readonly conntrackCleanupRequired: boolean;
  /** When what changed them happened, in milliseconds since 1970. */
  readonly triggerTimes: readonly number[];
}

export interface EndpointOptions {
  readonly family: IpFamily;
  readonly nodeName: string;
  /** Feature PreferSameTrafficDistribution: hints for nodes. */
  readonly nodeHints: boolean;
  readonly log: (line: string) => void;
  /** Milliseconds since 1970 of its own start: what happened before is nobody's delay. Absent: no times are kept. */
  readonly startedMs?: number;
}

export class EndpointsChangeTracker {
  readonly #services = new Map<string, Slices>();
  /** Services with something pending: a sync must not look at all. */
  readonly #dirty = new Set<string>();
  /** By Service: when what changed its slices happened. */
  readonly #triggerTimes = new Map<string, number[]>();
  readonly #options: EndpointOptions;
  total = 0;
  /** Changes since the last sync. */
  pending = 0;

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** @returns true when this changes something that a sync must take over */
  update(slice: EndpointSlice, remove: boolean): boolean {
    if (slice.addressType !== this.#options.family) return false;
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? '';
    if (service === '') {
      this.#options.log(`${nameOf(slice)}: no label ${SERVICE_NAME_LABEL}: left out`);
      return false;
    }
    this.total++;
    const key = `${slice.metadata.namespace}/${service}`;
    const slices = this.#services.get(key) ?? { applied: new Map(), pending: new Map(), endpoints: new Map() };
    const { name } = slice.metadata;
    const known = slices.pending.get(name) ?? slices.applied.get(name);
    if (known === undefined ? remove : known.remove === remove && sameSlice(known.slice, slice)) return false;
    this.#services.set(key, slices);
    slices.pending.set(name, { slice, remove });
    this.#dirty.add(key);
    this.pending++;
    this.#noteTime(key, slice, remove);
    return true;
  }

  /** A slice that goes has the time of its last change, which says nothing of when it went. */
  #noteTime(service: string, slice: EndpointSlice, remove: boolean): void {
    const { startedMs = Number.POSITIVE_INFINITY } = this.#options;
    const at = Date.parse(slice.metadata.annotations?.[LAST_CHANGE_ANNOTATION] ?? '');
    if (remove) this.#triggerTimes.delete(service);
    else if (at > startedMs) this.#triggerTimes.set(service, [...(this.#triggerTimes.get(service) ?? []), at]);
  }

  /** Takes what waits over into `map`. */
  apply(map: EndpointsMap): EndpointsUpdate {
    let conntrackCleanupRequired = false;
    for (const service of this.#dirty) {
      const slices = this.#services.get(service)!;
      const previous = slices.endpoints;
      for (const [name, change] of slices.pending) {
        if (change.remove) slices.applied.delete(name);
        else slices.applied.set(name, change);
      }
      slices.pending.clear();
      slices.endpoints = this.#endpointsOf(service, slices.applied);
      if (slices.applied.size === 0) this.#services.delete(service);
      for (const key of previous.keys()) map.delete(key);
      for (const [key, endpoints] of slices.endpoints) map.set(key, endpoints);
      conntrackCleanupRequired ||= [previous, slices.endpoints].some(m => [...m.keys()].some(key => key.endsWith('/UDP')));
    }
    const updated = new Set(this.#dirty);
    const triggerTimes = [...this.#triggerTimes.values()].flat();
    this.#dirty.clear();
    this.#triggerTimes.clear();
    this.pending = 0;
    return { updated, conntrackCleanupRequired, triggerTimes };
  }

  #endpointsOf(service: string, applied: ReadonlyMap<string, SliceChange>): EndpointsMap {
    const byPort = new Map<string, Map<string, EndpointInfo>>();
    for (const { slice } of applied.values()) {
      const numbers = new Map<string, number>();
      for (const { name, port, protocol = 'TCP' } of slice.ports) {
        if (name === undefined || port === undefined || port === 0) {
          this.#options.log(`${nameOf(slice)}: a port without ${name === undefined ? 'name' : 'number'}: left out`);
          continue;
        }
        const key = servicePortKey(name === '' ? service : `${service}:${name}`, protocol);
        const other = numbers.get(key);
        if (other !== undefined && other !== port)
          this.#options.log(`${nameOf(slice)}: ports ${other} and ${port} have the same name "${name}" and protocol ${protocol}`);
        numbers.set(key, port);
        const found = byPort.get(key) ?? new Map<string, EndpointInfo>();
        byPort.set(key, found);
        this.#add(found, slice, port);
      }
    }
    const map: EndpointsMap = new Map();
    for (const [key, found] of byPort) if (found.size > 0) map.set(key, [...found.values()].sort(byText));
    return map;
  }

  /**
   * One for each address and port. An address that is there twice may be a pod that ends and its successor: then the one that does not
   * end counts.
   */
  #add(found: Map<string, EndpointInfo>, slice: EndpointSlice, port: number): void {
    for (const [index, endpoint] of slice.endpoints.entries()) {
      const address = endpoint.addresses[0];
      const ip = address === undefined ? undefined : parseIp(address);
      if (ip?.family !== this.#options.family) {
        const problem = address === undefined ? 'no address' : `not an ${this.#options.family} address: "${address}"`;
        this.#options.log(`${nameOf(slice)}: endpoints[${index}]: ${problem}: left out`);
        continue;
      }
      const text = joinHostPort(ip.text, port);
      const terminating = endpoint.conditions?.terminating === true;
      if (terminating && found.has(text)) continue;
      found.set(text, this.#info(endpoint, slice, index, { ip: ip.text, port, text, terminating }));
    }
  }

  #info(
    endpoint: Endpoint,
    slice: EndpointSlice,
    index: number,
    place: Pick<EndpointInfo, 'ip' | 'port' | 'text' | 'terminating'>,
  ): EndpointInfo {
    const { nodeName, nodeHints } = this.#options;
    const { conditions, hints } = endpoint;
    return {
      ...place,
      isLocal: nodeName !== '' && endpoint.nodeName === nodeName,
      ready: conditions?.ready !== false,
      serving: conditions?.serving ?? conditions?.ready !== false,
      zoneHints: namesOf(hints?.forZones),
      nodeHints: nodeHints ? namesOf(hints?.forNodes) : undefined,
      slice: slice.metadata.name,
      index,
      chain: undefined,
    };
  }
}

const namesOf = (hints: readonly { readonly name: string }[] | undefined): ReadonlySet<string> | undefined =>
  hints === undefined || hints.length === 0 ? undefined : new Set(hints.map(h => h.name));

/** As Go compares strings: by bytes, and these are ASCII. */
const byText = (a: EndpointInfo, b: EndpointInfo): number => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0);

const nameOf = ({ metadata }: EndpointSlice): string => `EndpointSlice ${metadata.namespace}/${metadata.name}`;

const sameSlice = (a: EndpointSlice, b: EndpointSlice): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** How many addresses of this node are ready, by Service: what the health check of a load balancer is told. */
export function localReadyEndpoints(map: EndpointsMap): Map<string, number> {
  const addresses = new Map<string, Set<string>>();
  for (const [key, endpoints] of map) {
    for (const { ready, isLocal, ip } of endpoints) {
      if (!ready || !isLocal) continue;
      const service = serviceOf(key);
      const known = addresses.get(service) ?? new Set();
      addresses.set(service, known.add(ip));
    }
  }
  return new Map([...addresses].map(([service, set]) => [service, set.size]));
}

/** `ns/web` of `ns/web:http/TCP`. */
const serviceOf = (key: string): string => key.slice(0, key.lastIndexOf('/')).split(':', 1)[0]!;

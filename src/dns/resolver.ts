/**
 * Names of the cluster to records, as CoreDNS answers them (`plugin/kubernetes/handler.go`, `plugin/backend_lookup.go`; the specification of
 * DNS-based service discovery of Kubernetes, 1.1.0). Pure: a question and what is known of the cluster give one answer; sockets, sizes and
 * other servers are for `responder.ts`.
 */
import type { Question } from '../wire/dns.ts';
import { Rcode } from '../wire/dns.ts';
import { absolute, isWithin, lower, ROOT } from '../wire/dns-name.ts';
import { Class, type RecordData, type ResourceRecord, Type } from '../wire/dns-record.ts';
import { type Backend, type Found, findBackends, type PodMode } from './backends.ts';
import { endpointLabel } from './cluster-name.ts';
import { NO_PORT, type RecordsSource } from './records-source.ts';
import { addressOfReverse } from './reverse-name.ts';

export interface ResolverOptions {
  readonly source: RecordsSource;
  /** Absolute, in lower case. The first is the cluster's, in which PTR points. */
  readonly zones: readonly string[];
  /** Zones whose unknown names are passed on. */
  readonly fallthrough: readonly string[];
  readonly pods: PodMode;
  readonly ttlSeconds: number;
  /** Addresses of this server: the zone's name server is the Service that has them as endpoints. */
  readonly ownAddresses: readonly string[];
}

export interface Resolution {
  readonly rcode: number;
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
  /** An ExternalName outside of the zones: what another server says of it belongs behind the answers. */
  readonly chase?: Question;
}

/** The version of the specification, asked for as TXT of `dns-version`. */
const SCHEMA_VERSION = '1.1.0';
const SCHEMA_TTL = 28_800;
const MOST_CNAMES = 10;
const SOA_TIMES = { refresh: 7200, retry: 1800, expire: 86_400 } as const;

/** What a name gives: undefined when there is no such name. */
type Records = { readonly answers: readonly ResourceRecord[]; readonly additionals?: readonly ResourceRecord[]; readonly chase?: Question };

export class Resolver {
  readonly #options: ResolverOptions;

  constructor(options: ResolverOptions) {
    this.#options = options;
  }

  /** @returns undefined when the name is not for this server. The question is of class IN. */
  resolve(question: Question): Resolution | undefined {
    const zone = this.#zoneOf(question.name);
    if (zone === undefined) return undefined;
    if (question.type === Type.AXFR || question.type === Type.IXFR)
      return { rcode: Rcode.Refused, answers: [], authorities: [], additionals: [] };
    const query = new ZoneQuery(this.#options, zone, question);
    const found = query.records();
    if (found === undefined) {
      if (this.#options.fallthrough.includes(zone)) return undefined;
      return query.negative(this.#options.source.synced ? Rcode.NXDomain : Rcode.ServFail);
    }
    const { answers, additionals = [], chase } = found;
    if (answers.length === 0 && chase === undefined) return query.negative(Rcode.NoError);
    return { rcode: Rcode.NoError, answers, authorities: [], additionals, ...(chase === undefined ? {} : { chase }) };
  }

  /** The longest that the name is in. */
  #zoneOf(name: string): string | undefined {
    const inside = this.#options.zones.filter(zone => isWithin(name, zone));
    return inside.sort((a, b) => b.length - a.length)[0];
  }
}

class ZoneQuery {
  readonly #options: ResolverOptions;
  readonly #zone: string;
  readonly #question: Question;
  /** The zone as the question writes it: answers keep its case. */
  readonly #zoneAsAsked: string;

  constructor(options: ResolverOptions, zone: string, question: Question) {
    this.#options = options;
    this.#zone = zone;
    this.#question = question;
    this.#zoneAsAsked = question.name.slice(question.name.length - zone.length);
  }

  negative(rcode: number): Resolution {
    return { rcode, answers: [], authorities: [this.#soa()], additionals: [] };
  }

  records(): Records | undefined {
    const { name, type } = this.#question;
    const apex = lower(name) === this.#zone;
    switch (type) {
      case Type.A:
      case Type.AAAA:
        return this.#addresses(name, type, []);
      case Type.CNAME:
        return this.#cname();
      case Type.SRV:
        return this.#srv();
      case Type.PTR:
        return this.#ptr();
      case Type.TXT:
        return this.#txt();
      case Type.SOA:
        return { answers: apex ? [this.#soa()] : [] };
      case Type.NS:
        return apex ? this.#nameServers() : this.#existence();
      default:
        return this.#existence();
    }
  }

  /** Names that exist have no records of other types; with CoreDNS that is so for ANY, too. */
  #existence(): Records | undefined {
    return this.#found(this.#question.name) === undefined ? undefined : { answers: [] };
  }

  /** @param before CNAMEs that led here */
  #addresses(name: string, type: typeof Type.A | typeof Type.AAAA, before: readonly string[]): Records | undefined {
    const found = this.#found(name);
    if (found === undefined) return undefined;
    const answers: ResourceRecord[] = [];
    const seen = new Set<string>();
    for (const { backend } of found) {
      if (backend.kind === 'name') return this.#alias(name, backend.target, type, before);
      if (backend.family !== (type === Type.A ? 'IPv4' : 'IPv6') || seen.has(backend.address)) continue;
      seen.add(backend.address);
      answers.push(this.#record(name, addressData(backend)));
    }
    return { answers };
  }

  /** A CNAME, and what stands behind it: in this zone now, elsewhere by asking another. One that leads nowhere in the zone is left out. */
  #alias(name: string, text: string, type: typeof Type.A | typeof Type.AAAA, before: readonly string[]): Records {
    const target = absolute(text);
    if (isWithin(lower(target), lower(name)) || before.includes(lower(target)) || before.length >= MOST_CNAMES) return { answers: [] };
    const cname = this.#record(name, { type: 'CNAME', target });
    if (!isWithin(target, this.#zone)) return { answers: [cname], chase: { name: target, type, class: Class.IN } };
    const next = this.#addresses(target, type, [...before, lower(name)]);
    if (next === undefined || (next.answers.length === 0 && next.chase === undefined)) return { answers: [] };
    return { ...next, answers: [cname, ...next.answers] };
  }

  #cname(): Records | undefined {
    const found = this.#found(this.#question.name);
    if (found === undefined) return undefined;
    const backend = found[0]?.backend;
    if (backend?.kind !== 'name') return { answers: [] };
    return { answers: [this.#record(this.#question.name, { type: 'CNAME', target: absolute(backend.target) })] };
  }

  /** The weight of 100 is shared by all addresses, none gets less than 1. Each address stands in the additional section once. */
  #srv(): Records | undefined {
    const found = this.#found(this.#question.name)?.filter(({ backend }) => backend.kind === 'address');
    if (found === undefined) return undefined;
    const weight = Math.max(1, Math.floor(100 / found.length));
    const answers = new Map<string, ResourceRecord>();
    const additionals = new Map<string, ResourceRecord>();
    for (const { backend, owner, port } of found) {
      if (port < 0 || backend.kind !== 'address') continue;
      const target = `${owner}.${this.#zoneAsAsked}`;
      answers.set(`${target} ${port}`, this.#record(this.#question.name, { type: 'SRV', priority: 0, weight, port, target }));
      additionals.set(`${target} ${backend.address}`, this.#record(target, addressData(backend)));
    }
    return { answers: [...answers.values()], additionals: [...additionals.values()] };
  }

  /** Of a Service's own address its name; of an endpoint's address its name in each Service that has it. */
  #ptr(): Records | undefined {
    const { source, zones } = this.#options;
    const address = addressOfReverse(lower(this.#question.name));
    if (address === undefined) return this.#existence();
    const service = source.serviceAt(address);
    const names = new Set(service === undefined ? [] : [`${service.name}.${service.namespace}`]);
    if (service === undefined)
      for (const set of source.endpointsAt(address))
        for (const endpoint of set.addresses)
          if (endpoint.address === address) names.add(`${endpointLabel(address, endpoint.hostname)}.${set.service}.${set.namespace}`);
    if (names.size === 0) return undefined;
    const target = (name: string): string => `${name}.svc.${zones[0]}`;
    return { answers: [...names].map(name => this.#record(this.#question.name, { type: 'PTR', target: target(name) })) };
  }

  /** Differs from CoreDNS: there a namespace, `svc` and the zone itself do not exist when TXT is asked for. */
  #txt(): Records | undefined {
    const { name } = this.#question;
    if (lower(name) !== `dns-version.${this.#zone}`) return this.#existence();
    return { answers: [{ name, class: Class.IN, ttl: SCHEMA_TTL, type: 'TXT', texts: [SCHEMA_VERSION] }] };
  }

  #nameServers(): Records {
    const servers = this.#ownNames();
    const names = [...new Set(servers.map(({ owner }) => owner))];
    return {
      answers: names.map(owner => this.#record(this.#question.name, { type: 'NS', target: `${owner}.${this.#zoneAsAsked}` })),
      additionals: servers.flatMap(({ owner, backend }) =>
        backend.kind === 'address' ? [this.#record(`${owner}.${this.#zoneAsAsked}`, addressData(backend))] : [],
      ),
    };
  }

  /** The Services that lead to this server; without one it is `ns.dns` of the zone. */
  #ownNames(): Found[] {
    const { source, ownAddresses } = this.#options;
    const sets = ownAddresses.flatMap(address => source.endpointsAt(address));
    if (sets.length === 0)
      return ownAddresses.map(address => {
        const family = address.includes(':') ? 'IPv6' : 'IPv4';
        return { backend: { kind: 'address', address, family }, owner: 'ns.dns', port: NO_PORT };
      });
    const once = new Map<string, Found>();
    for (const { namespace, service } of sets)
      for (const found of findBackends(source, { kind: 'svc', namespace, service, port: '', protocol: '' }, 'disabled') ?? [])
        if (found.backend.kind === 'address') once.set(`${found.owner} ${found.backend.address}`, found);
    return [...once.values()];
  }

  /** @returns what stands behind a name of this zone: undefined when there is none, empty when it has no records */
  #found(name: string): readonly Found[] | undefined {
    const small = lower(name);
    if (small === `ns.dns.${this.#zone}`) return this.#ownNames();
    const below = small === this.#zone ? ROOT : small.slice(0, -this.#zone.length);
    return findBackends(this.#options.source, below, this.#options.pods);
  }

  #soa(): ResourceRecord {
    const zone = this.#zoneAsAsked;
    const { ttlSeconds, source } = this.#options;
    const names = { mname: `ns.dns.${zone}`, rname: `hostmaster.${zone}` };
    return this.#record(zone, { type: 'SOA', ...names, serial: source.serial, ...SOA_TIMES, minimum: ttlSeconds });
  }

  #record(name: string, data: RecordData): ResourceRecord {
    return { name, class: Class.IN, ttl: this.#options.ttlSeconds, ...data };
  }
}

const addressData = (backend: Backend & { kind: 'address' }): RecordData => ({
  type: backend.family === 'IPv4' ? 'A' : 'AAAA',
  address: backend.address,
});

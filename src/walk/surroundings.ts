/**
 * What is known of the node: addresses as `--address eth0=192.168.56.11/24` or the text of `ip -j addr`, routes as
 * `--route '10.244.2.0/24 dev flannel.1'` or the text of `ip -j route`. What was not said is unknown, which is not the same as absent:
 * a file tells all there is, single words tell some of it.
 */
import { type Cidr, type Ipv4, maskOf, parseCidr, parseIpv4 } from '../base/address.ts';
import { LabError } from '../base/errors.ts';

export interface KnownInterface {
  readonly name: string;
  /** Undefined: nobody has said. */
  readonly addresses: readonly Cidr[] | undefined;
  readonly mtu: number;
}

export const routeKinds = ['unicast', 'blackhole', 'unreachable', 'prohibit'] as const;
export interface KnownRoute {
  readonly network: Ipv4;
  readonly prefix: number;
  readonly kind: (typeof routeKinds)[number];
  readonly via?: Ipv4;
  readonly dev?: string;
  readonly src?: Ipv4;
  readonly metric: number;
}

export interface Surroundings {
  readonly interfaces: readonly KnownInterface[];
  readonly routes: readonly KnownRoute[];
  /** All routes of the node are there: what none of them holds is unreachable. */
  readonly routesComplete: boolean;
  /** Somebody has named addresses: the others are not the node's. */
  readonly addressesKnown: boolean;
}

const DEFAULT_MTU = 1500;

/** Gathers what the options of one command line say. */
export class SurroundingsReader {
  readonly #interfaces = new Map<string, { addresses: Cidr[] | undefined; mtu: number }>();
  readonly #routes: KnownRoute[] = [];
  #routesComplete = false;

  /** An interface that is there, of which no more is known. */
  interface(name: string): { addresses: Cidr[] | undefined; mtu: number } {
    let known = this.#interfaces.get(name);
    if (!known) {
      known = { addresses: undefined, mtu: DEFAULT_MTU };
      this.#interfaces.set(name, known);
    }
    return known;
  }

  /** `eth0=192.168.56.11/24`; without a length it is a /32. @throws LabError BAD_INPUT or ADDRESS */
  address(words: string): void {
    const at = words.indexOf('=');
    if (at < 1) throw new LabError('BAD_INPUT', `--address ${words}: expected NAME=ADDRESS/LENGTH, or a file that \`ip -j addr\` wrote`);
    const known = this.interface(words.slice(0, at));
    const list = words.slice(at + 1);
    known.addresses ??= [];
    for (const each of list === '' ? [] : list.split(',')) known.addresses.push(parseCidr(each));
  }

  /** What `ip -j addr` wrote. @throws LabError BAD_INPUT */
  addressFile(text: string, file: string): void {
    for (const item of jsonArray(text, file, 'ip -j addr')) {
      if (typeof item.ifname !== 'string') continue; // iproute2 leaves empty objects for what was filtered
      const known = this.interface(item.ifname);
      known.addresses ??= [];
      if (typeof item.mtu === 'number') known.mtu = item.mtu;
      for (const a of (item.addr_info ?? []) as Record<string, unknown>[])
        if (a.family === 'inet') known.addresses.push(parseCidr(`${a.local}/${a.prefixlen}`));
    }
  }

  /** The words of `ip route add`; those that say nothing about the way are passed over. @throws LabError BAD_INPUT or ADDRESS */
  route(words: string): void {
    const list = words.trim().split(/\s+/);
    const kind = routeKinds.find(k => k === list[0]) ?? 'unicast';
    if (kind === list[0]) list.shift();
    const said: Record<string, string> = {};
    for (let i = 1; i < list.length; i++) {
      const word = list[i]!;
      if (['onlink', 'linkdown', 'pervasive'].includes(word)) continue;
      const value = list[++i];
      if (value === undefined) throw new LabError('BAD_INPUT', `--route ${words}: expected a value behind "${word}"`);
      if (!['via', 'dev', 'src', 'metric', 'proto', 'scope', 'table', 'mtu', 'advmss'].includes(word))
        throw new LabError('BAD_INPUT', `--route ${words}: unknown word "${word}": expected via, dev, src or metric`);
      said[word] = value;
    }
    if (!list[0] || (kind === 'unicast' && said.via === undefined && said.dev === undefined))
      throw new LabError(
        'BAD_INPUT',
        `--route ${words}: expected NETWORK dev NAME or NETWORK via ADDRESS, or a file that \`ip -j route\` wrote`,
      );
    this.#add(list[0], kind, said.dev, said.via, said.src, Number(said.metric ?? 0));
  }

  /** What `ip -j route` wrote. @throws LabError BAD_INPUT */
  routeFile(text: string, file: string): void {
    this.#routesComplete = true;
    for (const item of jsonArray(text, file, 'ip -j route')) {
      if (item.table === 'local' || ['local', 'broadcast', 'multicast', 'anycast'].includes(String(item.type))) continue;
      const kind = routeKinds.find(k => k === item.type) ?? 'unicast';
      // Of several next hops the first is followed: the kernel chooses by a hash of the flow.
      const hop = ((item.nexthops as Record<string, unknown>[] | undefined) ?? [item])[0]!;
      this.#add(String(item.dst), kind, optional(hop.dev), optional(hop.gateway), optional(item.prefsrc), Number(item.metric ?? 0));
    }
  }

  done(): Surroundings {
    const interfaces = [...this.#interfaces].map(([name, known]) => ({ name, ...known }));
    return {
      interfaces,
      routes: this.#routes,
      routesComplete: this.#routesComplete,
      addressesKnown: interfaces.some(i => i.addresses !== undefined && i.addresses.length > 0),
    };
  }

  #add(to: string, kind: KnownRoute['kind'], dev?: string, via?: string, src?: string, metric = 0): void {
    const { address, prefix } = to === 'default' ? { address: 0, prefix: 0 } : parseCidr(to);
    if (dev !== undefined) this.interface(dev);
    this.#routes.push({
      network: address & maskOf(prefix),
      prefix,
      kind,
      metric,
      ...(dev !== undefined && { dev }),
      ...(via !== undefined && { via: parseIpv4(via) }),
      ...(src !== undefined && { src: parseIpv4(src) }),
    });
  }
}

const optional = (v: unknown): string | undefined => (typeof v === 'string' ? v : undefined);

function jsonArray(text: string, file: string, command: string): Record<string, unknown>[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = /^\s*\[/.test(text) && !/\]\s*$/.test(text) ? 'it is cut short' : (cause as Error).message;
    throw new LabError('BAD_INPUT', `${file}: expected what \`${command}\` writes: ${why}`, { cause });
  }
  if (!Array.isArray(value)) throw new LabError('BAD_INPUT', `${file}: expected what \`${command}\` writes, a list`);
  return value.filter(item => item !== null && typeof item === 'object');
}

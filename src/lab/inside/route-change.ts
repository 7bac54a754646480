/** `ip route add`, `replace` and `del` of a userspace node, whose routes are its router's. Pure. */
import { formatCidr, formatIpv4, maskOf, parseCidr, tryParseIpv4 } from '../../base/address.ts';
import type { RouterDescription } from '../../node/description.ts';

type Route = RouterDescription['routes'][number];

export const changeVerbs: readonly string[] = ['add', 'a', 'append', 'change', 'chg', 'replace', 'delete', 'del', 'd'];

/** What the reader of an exercise has done to the routes of a node, on top of what its flannel knows. */
export interface RouteChanges {
  readonly added: readonly Route[];
  /** By what they lead to, `10.244.2.0/24` or `default`. */
  readonly removed: readonly string[];
}
export const NO_CHANGES: RouteChanges = { added: [], removed: [] };

export const withChanges = (routes: readonly Route[], { added, removed }: RouteChanges): Route[] => [
  ...routes.filter(route => !removed.includes(route.to) && !added.some(each => each.to === route.to && each.metric === route.metric)),
  ...added,
];

type Words = Partial<Record<'via' | 'dev' | 'src' | 'metric', string>> & { type: Route['type']; to: string };
const TYPES = ['unicast', 'blackhole', 'unreachable', 'prohibit'] as const;
const ALONE = ['onlink', 'static'];
const IGNORED = ['proto', 'protocol', 'scope', 'table'];

/**
 * @param words behind `ip route`
 * @param description with the changes until now
 * @returns the changes from now on, or what iproute2 would say
 */
export function changeRoutes(
  words: readonly string[],
  description: RouterDescription,
  before: RouteChanges,
): RouteChanges | { error: string } {
  const [verb = '', ...rest] = words;
  const read = readWords(rest);
  if ('error' in read) return read;
  const { to } = read;
  const own = description.routes.find(each => each.to === to && (read.via === undefined || each.via === read.via));
  const tunnel = description.vxlan.find(each => each.peers.some(peer => peer.subnet === to));
  const device = [...description.ports, ...description.vxlan].find(each => each.name === read.dev);
  if (read.dev !== undefined && device === undefined) return { error: `Cannot find device "${read.dev}"\n` };
  if (tunnel !== undefined)
    return {
      error: `ip route ${verb} ${to}: on a userspace node this route is one with what ${tunnel.name} knows of that node: flannel keeps it\n`,
    };
  if ('delete'.startsWith(verb)) {
    if (own === undefined) return { error: 'RTNETLINK answers: No such process\n' };
    return {
      added: before.added.filter(each => each !== own),
      removed: before.added.includes(own) ? before.removed : [...before.removed, to],
    };
  }
  if (own !== undefined && 'add'.startsWith(verb)) return { error: 'RTNETLINK answers: File exists\n' };
  if (own === undefined && (verb === 'change' || verb === 'chg')) return { error: 'RTNETLINK answers: No such file or directory\n' };
  if (read.type === 'unicast' && read.via === undefined && read.dev === undefined) return { error: 'RTNETLINK answers: No such device\n' };
  const dev = read.dev ?? (read.via === undefined ? undefined : deviceTo(description, read.via));
  if (read.via !== undefined && dev === undefined) return { error: 'Error: Nexthop has invalid gateway.\n' };
  const route = {
    to,
    ...(read.via === undefined ? {} : { via: read.via }),
    ...(dev === undefined ? {} : { dev }),
    ...(read.src === undefined ? {} : { src: read.src }),
    type: read.type,
    metric: Number(read.metric ?? 0),
  } as Route;
  return { added: [...before.added.filter(each => each.to !== to), route], removed: before.removed.filter(each => each !== to) };
}

function readWords(words: readonly string[]): Words | { error: string } {
  const read: Words = { type: 'unicast', to: '' };
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const type = TYPES.find(each => each === word);
    if (type !== undefined) read.type = type;
    else if (word === 'via' || word === 'dev' || word === 'src' || word === 'metric') read[word] = words[++i] ?? '';
    else if (IGNORED.includes(word)) i++;
    else if (!ALONE.includes(word) && word !== 'to') {
      if (read.to !== '') return { error: `Error: either "to" is duplicate, or "${word}" is a garbage.\n` };
      const network = networkOf(word);
      if (network === undefined) return { error: `Error: any valid prefix is expected rather than "${word}".\n` };
      read.to = network;
    }
  }
  for (const word of [read.via, read.src])
    if (word !== undefined && tryParseIpv4(word) === undefined)
      return { error: `Error: any valid address is expected rather than "${word}".\n` };
  return read.to === '' ? { error: 'Error: need at least a destination address\n' } : read;
}

/** `10.244.2.2` is `10.244.2.2/32`. @returns undefined for what is no network, or has bits behind its prefix */
function networkOf(word: string): string | undefined {
  if (word === 'default') return word;
  const [text = '', bits = '32'] = word.split('/');
  const address = tryParseIpv4(text);
  const prefix = Number(bits);
  if (address === undefined || !/^\d+$/.test(bits) || prefix > 32 || (address & ~maskOf(prefix)) !== 0) return undefined;
  return prefix === 0 ? 'default' : `${formatIpv4(address)}/${prefix}`;
}

function deviceTo({ ports, vxlan }: RouterDescription, via: string): string | undefined {
  const gateway = tryParseIpv4(via)!;
  const onLink = (text: string): boolean => {
    const { address, prefix } = parseCidr(text);
    return (
      prefix < 32 && formatCidr({ address: address & maskOf(prefix), prefix }) === formatCidr({ address: gateway & maskOf(prefix), prefix })
    );
  };
  return [...ports, ...vxlan].find(each => each.addresses.some(onLink))?.name;
}

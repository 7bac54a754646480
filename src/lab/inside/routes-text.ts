/** What iproute2 says of routes, for a node whose routes are in a router: from its description. Pure. */
import { type Cidr, formatCidr, formatIpv4, inCidr, parseCidr, tryParseIpv4 } from '../../base/address.ts';
import type { RouterDescription } from '../../node/description.ts';
import type { MirroredRoute } from '../../node/route-mirror.ts';

interface Route {
  readonly to: Cidr;
  /** Of a route that leads nowhere: `blackhole`. */
  readonly type?: string;
  readonly dev: string;
  readonly via?: string;
  /** Behind the device. */
  readonly words: string;
  /** Of what the node itself sends. */
  readonly src: string;
  /** One line for each of several ways; the first is `via` and `dev`. */
  readonly nexthops?: readonly string[];
}
/** What a router was told, and what it follows of a routing daemon besides. */
export type RoutesOfNode = RouterDescription & { readonly mirrored?: readonly MirroredRoute[] };

/** What is written, and where. */
export interface Answer {
  readonly text: string;
  readonly error?: string;
}

const SHOW = ['show', 'list', 'ls', 'sh', 's', 'l', 'lst'];

/**
 * `ip route` with the words behind it: `show`, `show dev DEV`, `show NETWORK`, `get ADDRESS`.
 *
 * @returns undefined for words that this does not know
 */
export function answerRoute(node: RoutesOfNode, words: readonly string[]): Answer | undefined {
  const [verb = 'show', ...rest] = words;
  const routes = routesOf(node);
  if (verb === 'get' || verb === 'g') return rest.length === 1 ? get(node, routes, rest[0]!) : undefined;
  const selectors = SHOW.includes(verb) ? rest : undefined;
  return selectors === undefined ? undefined : show(routes, selectors);
}

function show(routes: readonly Route[], selectors: readonly string[]): Answer | undefined {
  const [first, second, ...more] = selectors;
  if (more.length > 0) return undefined;
  if (first === 'dev' && second !== undefined)
    return { text: text(routes.filter(each => each.dev === second).map(each => line(each, false))) };
  const network = first === 'to' || first === 'exact' ? second : first;
  if (network === undefined) return { text: text(routes.map(each => line(each, true))) };
  if (network !== first && second === undefined) return undefined;
  if (network !== 'default' && tryParseIpv4(network.split('/')[0]!) === undefined)
    return { text: '', error: `Error: any valid prefix is expected rather than "${network}".\n` };
  return { text: text(routes.filter(each => nameOf(each.to) === network).map(each => line(each, true))) };
}

function get(description: RouterDescription, routes: readonly Route[], word: string): Answer {
  const address = tryParseIpv4(word);
  if (address === undefined) return { text: '', error: `Error: any valid prefix is expected rather than "${word}".\n` };
  if (devices(description).some(({ addresses }) => addresses.some(each => parseCidr(each).address === address)))
    return { text: `local ${word} dev lo src ${word} uid 0 \n    cache <local> \n` };
  const found = routes.filter(each => inCidr(address, each.to)).sort((a, b) => b.to.prefix - a.to.prefix)[0];
  if (found === undefined) return { text: '', error: 'RTNETLINK answers: Network is unreachable\n' };
  if (found.type !== undefined) return { text: '', error: `RTNETLINK answers: ${nowhere[found.type] ?? 'Invalid argument'}\n` };
  const { via, dev, src } = found;
  return { text: `${word}${via === undefined ? '' : ` via ${via}`} dev ${dev} src ${src} uid 0 \n    cache \n` };
}

/** The default route first, then by network. */
function routesOf(description: RoutesOfNode): Route[] {
  const { routes, vxlan } = description;
  const own = devices(description);
  const firstOf = (dev: string): string => own.find(each => each.name === dev)?.addresses[0]?.split('/')[0] ?? '0.0.0.0';
  const all: Route[] = routes
    .filter(each => each.type === 'unicast' && each.dev !== undefined)
    .map(({ to, via, dev = '', src }) => ({
      to: parseCidr(to === 'default' ? '0.0.0.0/0' : to),
      dev,
      ...(via === undefined ? {} : { via }),
      words: `${via === undefined ? ' scope link' : ''}${src === undefined ? '' : ` src ${src}`}`,
      src: src ?? firstOf(dev),
    }));
  for (const { name, peers } of vxlan)
    for (const { subnet, vtep } of peers) all.push({ to: parseCidr(subnet), via: vtep, dev: name, words: ' onlink', src: firstOf(name) });
  for (const { name, addresses } of own)
    for (const each of addresses) {
      const { address, prefix, mask } = parseCidr(each);
      const src = formatIpv4(address);
      if (prefix < 32)
        all.push({ to: { address: address & mask, prefix, mask }, dev: name, words: ` proto kernel scope link src ${src}`, src });
    }
  for (const each of description.mirrored ?? []) all.push(mirroredRoute(each, description.mirror?.tunnel));
  return all.sort((a, b) => (a.to.address >>> 0) - (b.to.address >>> 0) || a.to.prefix - b.to.prefix);
}

function mirroredRoute({ to, type, nexthops, protocol, metric, source = '0.0.0.0' }: MirroredRoute, tunnel: string | undefined): Route {
  const network = parseCidr(to === 'default' ? '0.0.0.0/0' : to);
  const words = ` proto ${protocols[protocol] ?? protocol}${metric === 0 ? '' : ` metric ${metric}`}`;
  if (type !== 'unicast') return { to: network, type, dev: '', words, src: '' };
  // The other end of the tunnel is on no network of it.
  const flag = (dev: string): string => (dev === tunnel ? ' onlink' : '');
  const [first] = nexthops;
  const line = ({ via, dev, weight }: (typeof nexthops)[number]) =>
    `nexthop${via === undefined ? '' : ` via ${via}`} dev ${dev} weight ${weight}${flag(dev)} `;
  return {
    to: network,
    dev: first!.dev,
    ...(first!.via === undefined ? {} : { via: first!.via }),
    words: nexthops.length > 1 ? words : `${words}${first!.via === undefined ? ' scope link' : ''}${flag(first!.dev)}`,
    src: source,
    ...(nexthops.length > 1 ? { nexthops: nexthops.map(line) } : {}),
  };
}

/** Names of iproute2 (`/etc/iproute2/rt_protos`). */
const protocols: Readonly<Record<number, string>> = {
  4: 'static',
  11: 'zebra',
  12: 'bird',
  16: 'dhcp',
  186: 'bgp',
  187: 'isis',
  188: 'ospf',
};

/** What the kernel says of a route that leads nowhere (`fib_props`). */
const nowhere: Readonly<Record<string, string>> = {
  blackhole: 'Invalid argument',
  unreachable: 'No route to host',
  prohibit: 'Permission denied',
};

const devices = ({ ports, vxlan, ipip }: RouterDescription): { readonly name: string; readonly addresses: readonly string[] }[] => [
  ...ports,
  ...vxlan,
  ...ipip,
];

const nameOf = (to: Cidr): string => (to.prefix === 0 ? 'default' : to.prefix === 32 ? formatIpv4(to.address) : formatCidr(to));
function line({ to, type, via, dev, words, nexthops }: Route, withDevice: boolean): string {
  if (type !== undefined) return `${type} ${nameOf(to)}${words} \n`;
  if (nexthops !== undefined) return `${nameOf(to)}${words} \n${nexthops.map(each => `\t${each}\n`).join('')}`;
  return `${nameOf(to)}${via === undefined ? '' : ` via ${via}`}${withDevice ? ` dev ${dev}` : ''}${words} \n`;
}
const text = (lines: readonly string[]): string => lines.join('');

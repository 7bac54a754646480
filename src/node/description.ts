/**
 * The plain description of one router: what `kubehop router run FILE` reads, and what a lab makes for each of its userspace nodes.
 * YAML, checked as a whole; an error names line and column.
 */
import { isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import * as z from 'zod';
import { parseCidr, parseMac, tryParseIpv4 } from '../base/address.ts';
import { TextError } from '../base/errors.ts';

const ipv4 = z.string().refine(text => tryParseIpv4(text) !== undefined, { error: 'expected an IPv4 address such as 10.244.1.1' });
const cidr = z.string().refine(text => accepts(parseCidr, text), { error: 'expected an IPv4 network such as 10.244.1.0/24' });
const mac = z.string().refine(text => accepts(parseMac, text), { error: 'expected a MAC address such as 02:00:00:00:00:01' });
const interfaceName = z
  .string()
  .min(1)
  .max(15)
  .regex(/^[^\s/]+$/, { error: 'expected an interface name of at most 15 characters' });
const mtu = z.int().min(68).max(65_535);

function accepts(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

const port = z.strictObject({
  /** As rules name it. */
  name: interfaceName,
  kind: z.enum(['packet', 'tap', 'tun']),
  /** As the namespace names it; by default the same. */
  interface: interfaceName.optional(),
  mac: mac.optional(),
  mtu: mtu.optional(),
  /** Segments and unfinished checksums with the virtio-net header. Off where neither end has offloads on: rings are then small. */
  offload: z.boolean().default(true),
  /** A packet port sends past the interface's queueing discipline: cheaper, and tc and who captures on this side do not see it. Default false. */
  qdiscBypass: z.boolean().optional(),
  addresses: z.array(cidr).default([]),
  /** A tap that is a port of a bridge and stands for the bridge itself. */
  bridge: z
    .strictObject({
      nfCall: z.boolean().default(true),
      /** Hairpin mode of all ports, or of those behind which these MACs are. */
      hairpin: z.union([z.boolean(), z.array(mac)]).default(false),
    })
    .optional(),
});

const vxlan = z.strictObject({
  name: interfaceName,
  vni: z.int().min(0).max(0xffffff).default(1),
  port: z.int().min(1).max(65_535).default(8472),
  local: ipv4,
  mac: mac.optional(),
  mtu: mtu.default(1450),
  /** RFC 7348 wants none; Linux computes one unless the device is made with `noudpcsum`. */
  udpChecksum: z.boolean().default(false),
  addresses: z.array(cidr).default([]),
  /** Remember behind which node the sender of a frame is. flannel's device does not, Linux's own default does. */
  learning: z.boolean().default(false),
  /** Nodes that get the frames for a MAC that nobody knows. */
  remotes: z.array(ipv4).default([]),
  peers: z.array(z.strictObject({ subnet: cidr, vtep: ipv4, mac, node: ipv4 })).default([]),
});

/** IPv4 in IPv4 without a peer of its own, as Linux's `tunl0`: the outer packet goes to the next hop of the route that led here. */
const ipip = z.strictObject({
  name: interfaceName,
  /** Source of the outer packet. Any that comes in is taken, whatever address of this node it was sent to. */
  local: ipv4,
  mtu: mtu.default(1480),
  addresses: z.array(cidr).default([]),
});

const nexthop = z.strictObject({
  via: ipv4.optional(),
  dev: interfaceName.optional(),
  /** Its part of the flows, against those of the others. */
  weight: z.int().min(1).max(256).default(1),
});

const route = z.strictObject({
  to: z.union([z.literal('default'), cidr]),
  via: ipv4.optional(),
  dev: interfaceName.optional(),
  /** Several ways to the same network, in place of `via` and `dev`: each flow takes one of them. */
  nexthops: z.array(nexthop).min(1).optional(),
  src: ipv4.optional(),
  type: z.enum(['unicast', 'blackhole', 'unreachable', 'prohibit']).default('unicast'),
  metric: z.int().min(0).default(0),
  /** For packets with this mark alone. */
  mark: z.int().min(1).max(0xffff_ffff).optional(),
});

/**
 * Routes that a routing daemon (BIRD, FRR) writes into the kernel table of the router's namespace are followed. Those of protocol
 * `kernel` and `boot` (addresses, and what `ip route add` writes without a protocol) are not.
 */
const mirror = z.strictObject({
  table: z.union([z.literal('main'), z.int().min(1).max(0xffff_ffff)]).default('main'),
  /** The tunnel for destinations in `pool`: a daemon names the next hop, and `mode` decides whether the packet is wrapped on the way there. */
  tunnel: interfaceName.optional(),
  /** `cross-subnet`: a next hop on a network that this node is on itself is reached without the tunnel. */
  mode: z.enum(['always', 'cross-subnet']).default('always'),
  pool: cidr.default('0.0.0.0/0'),
});

const schema = z.strictObject({
  ports: z.array(port).min(1),
  vxlan: z.array(vxlan).default([]),
  ipip: z.array(ipip).default([]),
  routes: z.array(route).default([]),
  mirror: mirror.optional(),
  neighbours: z.array(z.strictObject({ ip: ipv4, mac, dev: interfaceName })).default([]),
  /** iptables-save text, path relative to the description. */
  rules: z.string().min(1).optional(),
  /** What `ipset save` wrote, for rules with `-m set`; path relative to the description. */
  sets: z.string().min(1).optional(),
  sysctl: z.record(z.string(), z.int()).default({}),
  /** False: long chains are walked rule by rule, as the kernel does. The meaning is the same. */
  index: z.boolean().optional(),
  /** Differences made on purpose, so that a test can see the comparison find them. */
  faults: z.array(z.enum(['wrong-ttl', 'skip-masquerade'])).default([]),
});

export type RouterDescription = z.output<typeof schema>;
/** As a person or a program writes it, before defaults are filled in. */
export type RouterDescriptionInput = z.input<typeof schema>;
export type PortDescription = RouterDescription['ports'][number];

/** @throws TextError BAD_INPUT naming line, column, the word, and what was expected */
export function parseDescription(text: string, file: string): RouterDescription {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const fail = (offset: number, message: string): never => {
    const { line, col } = lines.linePos(offset);
    throw new TextError('DESCRIPTION', { file, line, column: col }, message);
  };
  const broken = document.errors[0];
  if (broken) fail(broken.pos[0], broken.message);
  const checked = schema.safeParse(document.toJS() ?? {});
  if (!checked.success) {
    const issue = checked.error.issues[0]!;
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
    const path = unknown === undefined ? issue.path : [...issue.path, unknown];
    const where = placeOf(document.contents, path);
    const what = unknown === undefined ? issue.message : `unknown field "${unknown}"`;
    fail(where, `${dotted(path) || 'description'}: ${what}`);
  }
  const description = checked.data!;
  crossCheck(description, (path, message) => fail(placeOf(document.contents, path), `${dotted(path)}: ${message}`));
  return description;
}

/** The same checks for a description that a program made. */
export const checkDescription = (value: unknown): RouterDescription => schema.parse(value);

/** What a schema cannot say: names are used once, and what is referred to exists. */
function crossCheck(d: RouterDescription, fail: (path: (string | number)[], message: string) => never): void {
  const names = new Set<string>(['lo']);
  for (const [list, items] of [
    ['ports', d.ports],
    ['vxlan', d.vxlan],
    ['ipip', d.ipip],
  ] as const)
    for (const [i, item] of items.entries()) {
      if (names.has(item.name)) fail([list, i, 'name'], `"${item.name}" is used twice`);
      names.add(item.name);
    }
  const tuns = d.ports.filter(p => p.kind === 'tun').length;
  if (tuns > 1)
    fail(
      ['ports', d.ports.findLastIndex(p => p.kind === 'tun'), 'kind'],
      "a router has one tun at most: it stands in front of the node's own sockets",
    );
  for (const [i, p] of d.ports.entries())
    if (p.bridge && p.kind !== 'tap') fail(['ports', i, 'bridge'], 'only a tap can stand for a bridge');
  for (const [i, r] of d.routes.entries()) {
    if (r.dev !== undefined && !names.has(r.dev)) fail(['routes', i, 'dev'], noSuch(r.dev));
    if (r.nexthops === undefined) {
      if (r.type === 'unicast' && r.dev === undefined && r.via === undefined)
        fail(['routes', i], 'expected "via", "dev", or both, or "nexthops"');
      continue;
    }
    if (r.via !== undefined || r.dev !== undefined || r.type !== 'unicast')
      fail(['routes', i, 'nexthops'], 'a route has either "nexthops", or "via" and "dev", or a type that leads nowhere');
    for (const [j, { via, dev }] of r.nexthops.entries()) {
      if (dev !== undefined && !names.has(dev)) fail(['routes', i, 'nexthops', j, 'dev'], noSuch(dev));
      if (via === undefined && dev === undefined) fail(['routes', i, 'nexthops', j], 'expected "via", "dev", or both');
    }
  }
  for (const [i, n] of d.neighbours.entries()) if (!names.has(n.dev)) fail(['neighbours', i, 'dev'], noSuch(n.dev));
  const tunnel = d.mirror?.tunnel;
  if (tunnel !== undefined && !d.ipip.some(each => each.name === tunnel)) fail(['mirror', 'tunnel'], `there is no ipip "${tunnel}"`);
}

const noSuch = (name: string): string => `there is no port or tunnel "${name}"`;

const dotted = (path: readonly PropertyKey[]): string =>
  path.map((p, i) => (typeof p === 'number' ? `[${p}]` : `${i === 0 ? '' : '.'}${String(p)}`)).join('');

/** Offset of the deepest node of `path` that is there. */
function placeOf(root: Node | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let at = 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(item => isPair(item) && isScalar(item.key) && item.key.value === step);
      if (!pair) break;
      at = (pair.key as Node).range?.[0] ?? at;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[step as number];
    } else break;
    const range = (node as Node | null | undefined)?.range;
    if (range) at = range[0];
  }
  return at;
}

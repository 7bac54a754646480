/** gvisor/rules: one node with sockets and one peer, or for FORWARD a host on either side; rules, one flow, and what became of it. */
import { formatIpv4 } from '../../../src/base/address.ts';
import { all, checkFields, refuseUnknown } from '../fields.ts';
import { type Arrival, Attempt } from '../net/attempt.ts';
import type { Host } from '../net/host.ts';
import { Network } from '../net/network.ts';
import { PlainHost } from '../net/plain-host.ts';
import { ruledHost } from '../net/plane.ts';
import { icmpOf, type Protocol, protocolOf } from '../net/protocol.ts';
import type { RuledHost } from '../net/ruled-host.ts';
import { loadRules } from '../net/rules.ts';
import { defineSet, expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';

interface Flow {
  readonly hook: string;
  readonly from?: string;
  readonly to?: string;
  readonly protocol: string;
  readonly sport?: number;
  readonly dport?: number | readonly number[];
  readonly inIf?: string;
  readonly outIf?: string;
}
interface Case {
  readonly id: string;
  readonly rules: readonly string[];
  readonly rulesAccepted: boolean;
  readonly flow?: Flow;
  readonly expect?: Readonly<Record<string, unknown>>;
  readonly linuxExpect?: Readonly<Record<string, unknown>>;
}

/** A match or target that nobody knows is refused everywhere: the reader knows all of iptables. */
const UNKNOWN = /no (target|match) named/;
const whyOf = (v: Verdict): string => (v.kind === 'passed' ? '' : v.why);

const NODE = '10.1.0.1';
const PEER = '10.1.0.2';
/** The interface between node and peer: its name begins with e. */
const INTERFACE = 'eth0';
/** Of a FORWARD flow: the node's addresses, and the hosts behind its interfaces. */
const SIDES = { in: { node: '10.1.0.1', host: '10.1.0.2' }, out: { node: '10.2.0.1', host: '10.2.0.2' } };

interface Place {
  readonly network: Network;
  readonly node: RuledHost;
  readonly from: Host;
  /** What the words `node` and `peer` mean. */
  readonly names: ReadonlyMap<string, string>;
}

function check(c: Case): Verdict {
  const stranger =
    refuseUnknown('case', c, ['rules', 'rulesAccepted', 'flow', 'expect', 'linuxDiffers', 'linuxExpect']) ??
    refuseUnknown('flow', c.flow ?? {}, ['hook', 'from', 'to', 'protocol', 'sport', 'dport', 'inIf', 'outIf']);
  if (stranger) return stranger;
  const place = c.flow?.hook === 'FORWARD' ? between(c.flow) : besides(c.flow);
  if ('kind' in place) return place;
  const lines = c.rules.map(line => line.replaceAll('{node}', NODE).replaceAll('{peer}', PEER).replaceAll('{if}', INTERFACE));
  let taken = true;
  const refused = loadRules(
    lines,
    () => place.node,
    message => {
      taken = false;
      return failed(message);
    },
  );
  if (!c.rulesAccepted) return refused ? (taken && !UNKNOWN.test(whyOf(refused)) ? refused : passed) : failed('the rules were taken');
  if (refused) return refused;
  if (!c.flow) return passed;
  const ports = typeof c.flow.dport === 'object' ? c.flow.dport : [c.flow.dport];
  return all(ports.map(port => tryFlow(place, c.flow!, port, c.linuxExpect ?? c.expect ?? {})));
}

/** Node and peer on one link. */
function besides(flow: Flow | undefined): Place | Verdict {
  const network = new Network();
  const link = { name: INTERFACE, segment: 'link' };
  const node = network.add(
    ruledHost({
      name: 'node',
      interfaces: [{ ...link, mac: '02:00:00:00:00:01', addresses: [`${NODE}/24`] }],
      routes: [{ to: 'default', via: PEER }],
    }),
  );
  const peer = network.add(
    new PlainHost({
      name: 'peer',
      interfaces: [{ ...link, mac: '02:00:00:00:00:02', addresses: [`${PEER}/24`] }],
      // Answers to an address that a rule made up come back, too.
      routes: [{ to: 'default', via: NODE }],
    }),
  );
  const names = new Map([
    ['node', NODE],
    ['peer', PEER],
  ]);
  const from = flow?.from ?? 'peer';
  if (from !== 'node' && from !== 'peer') return unsupported(`flow.from "${from}"`);
  if (flow && flow.hook !== 'INPUT' && flow.hook !== 'OUTPUT') return unsupported(`flow.hook "${flow.hook}"`);
  return { network, node, from: from === 'node' ? node : peer, names };
}

/** The node between two hosts, its interfaces named by the flow. */
function between(flow: Flow): Place | Verdict {
  const network = new Network();
  const inIf = flow.inIf ?? 'nic1';
  const outIf = flow.outIf ?? 'nic2';
  if (inIf === outIf) return unsupported('a flow that leaves where it came in');
  const node = network.add(
    ruledHost({
      name: 'node',
      interfaces: [
        { name: inIf, mac: '02:00:00:00:00:01', addresses: [`${SIDES.in.node}/24`], segment: 'in' },
        { name: outIf, mac: '02:00:00:00:00:02', addresses: [`${SIDES.out.node}/24`], segment: 'out' },
      ],
      routes: [],
      sysctl: { 'net.ipv4.ip_forward': 1 },
    }),
  );
  const hosts = (['in', 'out'] as const).map((side, i) =>
    network.add(
      new PlainHost({
        name: side,
        interfaces: [{ name: 'eth0', mac: `02:00:00:00:00:1${i}`, addresses: [`${SIDES[side].host}/24`], segment: side }],
        routes: [{ to: 'default', via: SIDES[side].node }],
      }),
    ),
  );
  if (flow.from !== undefined || flow.to !== undefined) return unsupported('flow.from and flow.to of a FORWARD flow');
  return {
    network,
    node,
    from: hosts[0]!,
    names: new Map([
      ['node', SIDES.in.node],
      ['peer', SIDES.out.host],
    ]),
  };
}

function tryFlow(place: Place, flow: Flow, dport: number | undefined, expect: Readonly<Record<string, unknown>>): Verdict {
  const { network, from, names } = place;
  const what = protocolOf(flow.protocol);
  if (!what) return unsupported(`protocol "${flow.protocol}"`);
  const dst = flow.to === undefined ? SIDES.out.host : (names.get(flow.to) ?? flow.to);
  const ports = { ...(dport === undefined ? {} : { dport }), ...(flow.sport === undefined ? {} : { sport: flow.sport }) };
  network.begin();
  const attempt = new Attempt(from, { what, dst, ...ports }).run(network);
  const verdict = checkFields('expect', expect, checksOf(place, attempt, what));
  if (network.faults.length > 0) return failed(network.faults[0]!);
  return verdict.kind === 'failed' && dport !== undefined ? failed(`port ${dport}: ${verdict.why}`) : verdict;
}

function checksOf(place: Place, attempt: Attempt, what: Protocol): Record<string, (value: never) => Verdict> {
  const { network, node, names } = place;
  const arrivals = attempt.arrivals(network);
  const first = arrivals[0];
  /** `node:42`, `127.0.0.1:2402`, `peer`. */
  const where = (words: string): string => {
    const [host, port] = words.split(':');
    return (names.get(host!) ?? host!) + (port === undefined ? '' : `:${port}`);
  };
  return {
    delivered: (value: boolean) => expectSame('delivered', value, arrivals.length > 0),
    forwarded: (value: boolean) =>
      expectSame(
        'forwarded',
        value,
        arrivals.some(a => a.host !== node),
      ),
    connected: (value: boolean) => {
      if (attempt.connection === undefined) return expectSame('answered', value, attempt.answers().length > 0);
      return expectSame('connected', value, attempt.connection.state === 'connected');
    },
    answer: (value: string) => answer(value, attempt),
    deliveredTo: (value: string) => {
      if (!first) return failed(`deliveredTo: expected ${value}, it arrived nowhere`);
      const owner = value.startsWith('peer') ? 'peer' : value.startsWith('node') || value.startsWith('127.') ? 'node' : first.host.name;
      const got = value.includes(':') ? `${first.packet.dst}:${first.packet.dport}` : first.packet.dst;
      return all([expectSame('deliveredTo', where(value), got), expectSame('delivered at', owner, first.host.name)]);
    },
    originalDst: (value: string) =>
      first ? expectSame('originalDst', where(value), originalDestination(node, first, what)) : failed('originalDst: it arrived nowhere'),
    // IP_RECVORIGDSTADDR gives the destination that the packet has when it reaches the socket.
    recvOrigDst: (value: string) =>
      first
        ? expectSame('recvOrigDst', where(value), `${first.packet.dst}:${first.packet.dport}`)
        : failed('recvOrigDst: it arrived nowhere'),
    sourceSeen: (value: string) => {
      if (!first) return failed('sourceSeen: it arrived nowhere');
      return expectSame('sourceSeen', where(value), value.includes(':') ? `${first.packet.src}:${first.packet.sport}` : first.packet.src);
    },
  };
}

/** SO_ORIGINAL_DST: the destination of the tracked entry in its original direction, found by what the socket sees (its answer's tuple, reversed). */
function originalDestination(node: RuledHost, { packet }: Arrival, what: Protocol): string {
  const entry = node.entry(packet.dst, packet.src, (packet.dport << 16) | packet.sport, what.number);
  return entry ? `${formatIpv4(entry.original.dst)}:${entry.original.ports & 0xffff}` : 'not tracked';
}

/** `TCP RST`, or `ICMP port unreachable` with a remark behind a comma. */
function answer(words: string, attempt: Attempt): Verdict {
  const [kind] = words.split(',');
  if (/^TCP (RST|reset)$/i.test(kind!)) return expectSame('answer', 'refused', attempt.connection?.state);
  const named = /^ICMP (.+)$/i.exec(kind!);
  const type = named && icmpOf(named[1]!.trim().replaceAll(' ', '-'));
  if (!type) return unsupported(`answer "${words}"`);
  const error = attempt.errors()[0];
  return expectSame('answer', type, error && [error.icmpType, error.icmpCode]);
}

export const gvisorRules = defineSet<Case>('gvisor/rules', check);

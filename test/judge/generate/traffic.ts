/** Packets at random: lives of TCP connections with everything that goes wrong in them, datagrams, pings, errors, fragments, rubbish. */
import type { Step } from '../case.ts';
import type { PacketSpec } from '../packet-spec.ts';
import { address, everyHost, hosts, type LinkName, links, routerAddress } from '../topology.ts';
import type { Chooser } from './choose.ts';
import { ports } from './matches.ts';
import { randomSysctls } from './sysctls.ts';
import { sack, synOptions } from './tcp-options.ts';
import { tcpTour } from './tcp-tour.ts';

export interface Flow {
  link: LinkName;
  protocol: 'tcp' | 'udp' | 'icmp' | 'other';
  src: string;
  dst: string;
  sport: number;
  dport: number;
  /** First step of the flow: what answers turn round. */
  first: number;
  clientSeq: number;
  serverSeq: number;
  started: boolean;
}

export function randomTraffic(c: Chooser, length: number): Step[] {
  const steps = c.oneIn(3) ? randomSysctls(c) : [];
  goOn(c, steps, [], length);
  return steps;
}

/** More steps, until there are `length`, of these flows and new ones. */
export function goOn(c: Chooser, steps: Step[], flows: Flow[], length: number): void {
  while (steps.length < length) {
    if (c.oneIn(8)) steps.push(...behind(steps.length, tcpTour(c)));
    if (flows.length === 0 || c.oneIn(4)) flows.push(newFlow(c));
    advance(c, c.of(flows), steps);
  }
}

/** Steps that count from 0, put behind `at` others. */
const behind = (at: number, steps: readonly Step[]): Step[] => steps.map(s => (s.kind === 'answer' ? { ...s, to: s.to + at } : s));

function newFlow(c: Chooser): Flow {
  const link = c.of(links);
  const src = address(link.net, c.of(hosts));
  const other = c.of(links);
  const dst = c.weighted([
    [5, address(other.net, c.of(hosts))],
    [2, routerAddress(c.of(links))],
    [1, '198.51.100.7'],
    [1, '203.0.113.9'],
    [1, c.of(['198.51.100.7', '192.0.2.200'])],
  ]);
  return {
    link: link.name,
    protocol: c.weighted([
      [5, 'tcp'],
      [5, 'udp'],
      [3, 'icmp'],
      [2, 'other'],
    ] as const),
    src,
    dst,
    sport: c.of([1000, 2000, 40000, 53, 600, 65000]),
    dport: c.of(ports),
    first: -1,
    clientSeq: c.oneIn(8) ? 0xffff_fff0 : c.below(1 << 30),
    serverSeq: c.below(1 << 30),
    started: false,
  };
}

export function advance(c: Chooser, f: Flow, steps: Step[]): void {
  if (c.oneIn(13)) {
    steps.push({ kind: 'send', link: c.of(links).name, packet: rubbish(c, f) });
    return;
  }
  if (f.first >= 0 && c.oneIn(12)) {
    const [type, code, rest] = c.of([
      [3, 1, 0],
      [3, 3, 0],
      [3, 4, 1300],
      [3, c.of([0, 2, 13]), 0],
      [11, c.of([0, 0, 1]), 0],
      [12, 0, 0x0900_0000],
      [5, 1, 0x0a00_0105],
      [4, 0, 0],
    ] as const);
    const from = c.oneIn(4) ? { from: address(c.of(links).net, c.of(hosts)) } : {};
    steps.push({
      kind: 'error',
      about: c.oneIn(3) ? c.below(steps.length) : f.first,
      type,
      code,
      rest,
      ...(c.oneIn(5) ? { quote: c.of([20, 24, 40, 60]) } : {}),
      ...from,
    });
    return;
  }
  switch (f.protocol) {
    case 'tcp':
      tcpStep(c, f, steps);
      return;
    case 'udp':
      udpStep(c, f, steps);
      return;
    default:
      if (f.first < 0 || c.oneIn(2))
        send(f, steps, {
          ...(f.protocol === 'icmp'
            ? {
                type: c.weighted([
                  [10, 8],
                  [4, 13],
                  [2, 0],
                  [2, 3],
                  [1, 17],
                  [2, c.of([4, 5, 9, 10, 11, 12, 14, 15, 16, 18, 40])],
                ]),
              }
            : {}),
          ...common(c),
        });
      else steps.push({ kind: 'answer', to: f.first, packet: f.protocol === 'icmp' ? { type: 0 } : {} });
  }
}

const common = (c: Chooser): Partial<PacketSpec> => ({
  ...(c.oneIn(10) ? { ttl: c.of([1, 2, 255]) } : {}),
  ...(c.oneIn(10) ? { tos: c.of([0x10, 0xb8, 3]) } : {}),
  ...(c.oneIn(4) ? { dontFragment: true } : {}),
  ...(c.oneIn(25) ? { fault: c.of(['transport-sum', 'short'] as const) } : {}),
  ...(c.oneIn(40)
    ? {
        options: c.of([
          [1, 1, 1, 0],
          [7, 7, 4, 0, 0, 0, 0, 0],
          [148, 4, 0, 0],
          // Not as they should be: too short, pointing into itself, a length of nothing, a full list.
          [7, 2, 4, 0],
          [7, 7, 3, 0, 0, 0, 0, 0],
          [68, 8, 4, 0, 0, 0, 0, 0],
          [148, 3, 0, 0],
          [30, 0, 0, 0],
          [7, 7, 8, 10, 0, 1, 9, 0],
        ]),
      }
    : {}),
});

function send(f: Flow, steps: Step[], packet: Partial<PacketSpec>): void {
  if (f.first < 0) f.first = steps.length;
  steps.push({
    kind: 'send',
    link: f.link,
    packet: { protocol: f.protocol, src: f.src, dst: f.dst, sport: f.sport, dport: f.dport, ...packet },
  });
}

function udpStep(c: Chooser, f: Flow, steps: Step[]): void {
  if (c.oneIn(8)) {
    fragments(c, f, steps);
    return;
  }
  if (f.first < 0 || c.oneIn(2))
    send(f, steps, {
      length: c.weighted([
        [6, 16],
        [1, 0],
        [1, 1372],
        [1, 1472],
      ]),
      ...common(c),
      ...(c.oneIn(8) ? { fault: 'no-udp-sum' as const } : {}),
    });
  else steps.push({ kind: 'answer', to: f.first, packet: { length: c.of([4, 30]) } });
}

const isRouters = (dst: string): boolean => links.some(l => routerAddress(l) === dst);

/** One datagram in pieces: in any order, sometimes twice, overlapping, or not all of them. */
function fragments(c: Chooser, f: Flow, steps: Step[]): void {
  const length = c.of([800, 1480, 2000]);
  const whole = length + 8;
  const size = c.of([400, 480, 800]);
  const pieces: { offset: number; length: number }[] = [];
  for (let offset = 0; offset < whole; offset += size) pieces.push({ offset, length: Math.min(size, whole - offset) });
  // What the router waits for in vain it tells the sender of, some seconds later: that has no place between other packets.
  if (!isRouters(f.dst)) {
    if (c.oneIn(5)) pieces.push(c.of(pieces));
    if (c.oneIn(8)) pieces.push({ offset: 8 * c.below(40), length: 64 });
    if (c.oneIn(6)) pieces.splice(c.below(pieces.length), 1);
  }
  if (c.oneIn(2)) pieces.reverse();
  // Fragments of one datagram share an identification, which is told by equal packets: one TTL for all of them.
  const packet = {
    length,
    ...(c.oneIn(4) ? { ttl: 1 } : {}),
    ...(c.oneIn(3) ? { dontFragment: true } : {}),
    tos: steps.length % 4 === 0 ? 0 : 0x10,
  };
  const set = !isRouters(f.dst) && c.oneIn(4) ? 0 : steps.length;
  for (const fragment of pieces) send(f, steps, { ...packet, fragment: { ...fragment, set } });
}

/** About the borders of windows of 8192 bytes, scaled and not. */
const displacements = [-1000, -7500, -8190, -8300, -66_500, 8000, 8300, 20_000, 30_000, 70_000, 500_000, 1_500_000] as const;

function tcpStep(c: Chooser, f: Flow, steps: Step[]): void {
  const client = (packet: Partial<PacketSpec>): void =>
    send(f, steps, { seq: f.clientSeq >>> 0, ack: f.serverSeq >>> 0, ...packet, ...common(c) });
  const server = (packet: Partial<PacketSpec>): void => {
    steps.push({ kind: 'answer', to: Math.max(f.first, 0), packet: { seq: f.serverSeq >>> 0, ack: f.clientSeq >>> 0, ...packet } });
  };
  if (!f.started) {
    f.started = true;
    if (c.oneIn(8)) {
      client({ flags: c.of(['A', 'PA', 'FA', 'R', 'SA', 'SF', '']) });
      return;
    }
    client({ flags: 'S', ack: 0, ...synOptions(c) });
    f.clientSeq += 1;
    if (c.oneIn(6)) return;
    server({ flags: 'SA', ...synOptions(c) });
    f.serverSeq += 1;
    if (c.oneIn(6)) return;
    client({ flags: 'A' });
    return;
  }
  const data = c.of([0, 1, 10, 100]);
  c.weighted<() => void>([
    [
      5,
      () => {
        client({ flags: 'PA', length: data, ...(c.oneIn(4) ? { tcpOptions: sack(f.serverSeq + 1000) } : {}) });
        f.clientSeq += data;
      },
    ],
    [
      5,
      () => {
        server({ flags: 'PA', length: data });
        f.serverSeq += data;
      },
    ],
    [2, () => client({ flags: 'A', ...(c.oneIn(2) ? { tcpOptions: sack(f.serverSeq + c.of([100, 1000, 1_000_000])) } : {}) })],
    [2, () => server({ flags: 'A' })],
    [
      2,
      () => {
        client({ flags: 'FA' });
        f.clientSeq += 1;
      },
    ],
    [
      2,
      () => {
        server({ flags: 'FA' });
        f.serverSeq += 1;
      },
    ],
    [1, () => client({ flags: 'S', seq: c.oneIn(2) ? f.clientSeq >>> 0 : (f.clientSeq + 100_000) >>> 0, ack: 0 })],
    [1, () => server({ flags: 'SA' })],
    [1, () => client({ flags: 'R', seq: c.oneIn(2) ? f.clientSeq >>> 0 : c.u32() })],
    [1, () => server({ flags: c.of(['R', 'RA']), seq: c.oneIn(2) ? f.serverSeq >>> 0 : c.u32() })],
    // Out of the window, a retransmission, an acknowledgement of what was never sent.
    [2, () => client({ flags: 'PA', seq: (f.clientSeq + c.of(displacements)) >>> 0, length: 10 })],
    [1, () => server({ flags: 'PA', seq: (f.serverSeq + c.of(displacements)) >>> 0, length: 10 })],
    [1, () => server({ flags: 'A', ack: (f.clientSeq + c.of([5000, -5000])) >>> 0 })],
    [1, () => client({ flags: 'A', window: c.of([0, 1, 65_535]) })],
  ])();
}

function rubbish(c: Chooser, f: Flow): PacketSpec {
  const base: PacketSpec = { protocol: f.protocol, src: f.src, dst: f.dst, sport: f.sport, dport: f.dport };
  const anybody = address(c.of(links).net, c.of(everyHost));
  return c.of<PacketSpec>([
    { ...base, fault: 'ip-sum' },
    { ...base, fault: 'version' },
    { ...base, fault: 'short' },
    { ...base, protocol: 'udp', fault: 'udp-length' },
    { ...base, src: '127.0.0.1' },
    { ...base, dst: '127.0.0.1' },
    { ...base, src: '224.0.0.1' },
    { ...base, to: 'multicast' },
    { ...base, dst: c.of(['224.0.0.1', '239.1.2.3']), to: 'multicast' },
    { ...base, src: '255.255.255.255' },
    { ...base, src: '0.0.0.0' },
    { ...base, dst: '0.0.0.0' },
    { ...base, dst: '255.255.255.255', to: 'broadcast' },
    { ...base, protocol: 'udp', dst: '255.255.255.255', to: 'broadcast' },
    { ...base, dst: '10.0.2.255', to: 'broadcast' },
    { ...base, dst: c.of(['10.0.1.255', '10.0.3.255']), to: 'broadcast' },
    { ...base, protocol: 'udp', dst: '239.1.2.3', to: 'multicast' },
    { ...base, dst: '224.0.0.1', to: 'multicast' },
    { ...base, dst: c.of(['239.1.2.3', '224.0.0.1']), to: 'multicast' },
    { ...base, dst: '239.1.2.3' },
    { ...base, src: '10.0.1.1' },
    { ...base, to: 'other' },
    { ...base, to: 'broadcast' },
    { ...base, src: anybody, dst: c.of(['192.0.2.5', '172.31.0.1', '0.1.2.3']) },
    { ...base, dst: '192.0.2.200' },
    { ...base, src: anybody, dst: '192.0.2.5' },
    { ...base, src: '172.31.0.9' },
    { ...base, options: [131, 7, 4, 10, 0, 1, 2, 0] },
    { ...base, options: [68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0] },
  ]);
}

/** Connections whose way is known: what comes out, what is counted and what is tracked is as if the rules had been asked about every packet. */
import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../src/base/address.ts';
import { setSysctl } from '../../src/node/build.ts';
import { Control, createTraceRing, viewTraceRing } from '../../src/packet/trace-ring.ts';
import { lostRecords, RingTracer } from '../../src/packet/tracer.ts';
import { RouteType } from '../../src/router/fib.ts';
import { route, routesOfAddresses } from '../../src/router/routes.ts';
import { tcpFrame, udpFrame } from './frames.ts';
import { RandomTraffic } from './random-traffic.ts';
import { type World, world } from './world.ts';

const UP = '02:00:00:00:00:01';
const N1 = '02:00:00:00:00:11';
const POD = '02:00:00:00:01:05';
const OTHER = '02:00:00:00:01:06';
const EAST = '02:00:00:00:01:01';

const DESCRIPTION = {
  ports: [
    { name: 'eth0', kind: 'packet' as const, mac: N1, addresses: ['192.168.56.11/24'] },
    { name: 'east', kind: 'packet' as const, mac: EAST, mtu: 1450, addresses: ['10.244.1.1/24'] },
  ],
  routes: [{ to: 'default', via: '192.168.56.1' }],
  neighbours: [
    { ip: '192.168.56.1', mac: UP, dev: 'eth0' },
    { ip: '10.244.1.5', mac: POD, dev: 'east' },
    { ip: '10.244.1.6', mac: OTHER, dev: 'east' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
};

const rules = (endpoint: string, forward = ''): string => `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SVC - [0:0]
-A PREROUTING -d 10.96.0.80/32 -p tcp -m tcp --dport 80 -j KUBE-SVC
-A PREROUTING -d 10.96.0.80/32 -p udp -m udp --dport 53 -j KUBE-SVC
-A KUBE-SVC -p tcp -m tcp -j DNAT --to-destination ${endpoint}:8080
-A KUBE-SVC -p udp -m udp -j DNAT --to-destination ${endpoint}:53
-A POSTROUTING ! -d 10.244.0.0/16 -o eth0 -j MASQUERADE
COMMIT
*filter
:FORWARD ACCEPT [0:0]
:KUBE-FORWARD - [0:0]
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "new ones" -j KUBE-FORWARD
${forward}-A FORWARD -j KUBE-FORWARD
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -p udp -m udp --dport 2 -j DROP
COMMIT
`;

/** The same router, which asks its rules about every packet. */
function asking(w: World): World {
  const { hooks } = w.plane;
  w.plane.hooks = {
    run: (hook, p) => hooks.run(hook, p),
    end: p => hooks.end(p),
    hold: p => hooks.hold(p),
    letGo: ct => hooks.letGo(ct),
    attach: (answer, about) => hooks.attach(answer, about),
    setClosing: p => hooks.setClosing(p),
  };
  return w;
}
const pair = (text: string): [World, World] => [world(DESCRIPTION, text), asking(world(DESCRIPTION, text))];

/** The program with all that its rules have counted. */
const counted = (w: World): Int32Array => new Int32Array(w.netfilter.counters.buffer.slice(0));
const entries = (w: World): unknown[] => {
  const found: unknown[] = [];
  const ct = w.conntrack;
  ct.forEach(i => {
    found.push([ct.origSrc(i), ct.origDst(i), ct.replySrc(i), ct.replyDst(i), ct.replyDstPort(i), ct.status(i), ct.expiresMs(i)]);
  });
  return found;
};

const client = { srcMac: UP, dstMac: N1, src: '203.0.113.9', dst: '10.96.0.80' };
const query = udpFrame({ ...client, sport: 4000, dport: 53 });
const answer = udpFrame({ srcMac: POD, dstMac: EAST, src: '10.244.1.5', dst: '203.0.113.9', sport: 53, dport: 4000 });

describe('a connection that went through before', () => {
  test('goes on as it went, in both directions, and its rules count on', () => {
    const [knowing, plain] = pair(rules('10.244.1.5'));
    for (let i = 0; i < 6; i++)
      for (const [port, frame] of [
        ['eth0', query],
        ['eth0', query],
        ['east', answer],
      ] as const)
        expect(knowing.send(port, frame)).toEqual(plain.send(port, frame));
    expect(counted(knowing)).toEqual(counted(plain));
    expect(entries(knowing)).toEqual(entries(plain));
  });

  test('walks no chain any more', () => {
    const w = world(DESCRIPTION, rules('10.244.1.5'));
    w.send('eth0', query);
    w.send('eth0', query);
    const { hooks } = w.plane;
    w.plane.hooks = Object.assign(Object.create(hooks) as typeof hooks, {
      run: () => {
        throw new Error('the rules were asked');
      },
      flows: hooks.flows,
    });
    expect(w.send('eth0', query)).toHaveLength(1);
    // Who looks on is told of every rule, as long as there is room to tell.
    const shared = createTraceRing(4096);
    w.plane.tracer = new RingTracer(shared);
    expect(() => w.send('eth0', query)).toThrow('the rules were asked');
    const { control } = viewTraceRing(shared);
    control[Control.Read] = (control[Control.Written]! - 4096) | 0; // full
    w.plane.tracer = new RingTracer(shared);
    expect(w.send('eth0', query)).toHaveLength(1);
    expect(lostRecords(shared)).toBe(1);
  });

  test.each([
    ['whose TTL runs out', udpFrame({ ...client, sport: 4000, dport: 53, ttl: 1 })],
    ['that is too long', udpFrame({ ...client, sport: 4000, dport: 53, dontFragment: true, data: new Uint8Array(1440) })],
    ['with a wrong checksum', query.map((byte, i) => (i === query.length - 1 ? byte ^ 1 : byte))],
  ])('has a packet %s: it is told about or dropped as ever', (_, odd) => {
    const [knowing, plain] = pair(rules('10.244.1.5'));
    for (const frame of [query, query, query, odd, query]) expect(knowing.send('eth0', frame)).toEqual(plain.send('eth0', frame));
    expect(counted(knowing)).toEqual(counted(plain));
    expect(knowing.drops()).toEqual(plain.drops());
  });

  test.each([
    ['a limit', '-A FORWARD -m limit --limit 1/hour --limit-burst 3 -j ACCEPT\n-A FORWARD -p udp -j DROP\n'],
    ['the length', '-A FORWARD -m length --length 40:4000 -j DROP\n'],
    ['chance', '-A FORWARD -m statistic --mode nth --every 3 --packet 0 -j DROP\n'],
    ['a mark that is set', '-A FORWARD -j MARK --set-xmark 0x4000/0x4000\n'],
    ['flags', '-A FORWARD -p tcp -m tcp --tcp-flags FIN FIN -j DROP\n'],
  ])('is asked about again where a rule looks at %s', (_, forward) => {
    const [knowing, plain] = pair(rules('10.244.1.5', forward));
    const segment = (flags: string, seq: number) =>
      tcpFrame({ ...client, sport: 5000, dport: 80, flags, seq, ack: 0, data: new Uint8Array(flags === 'S' ? 0 : 4) });
    for (const frame of [query, query, query, segment('S', 1), query, query, segment('A', 2), segment('A', 6), segment('FA', 10), query])
      expect(knowing.send('eth0', frame)).toEqual(plain.send('eth0', frame));
    expect(counted(knowing)).toEqual(counted(plain));
  });
});

describe('what changes where a known connection goes', () => {
  const known = (): World => {
    const w = world(DESCRIPTION, rules('10.244.1.5'));
    for (let i = 0; i < 4; i++) w.send('eth0', query);
    return w;
  };

  test('new rules are asked', () => {
    const w = known();
    w.load(rules('10.244.1.5', '-A FORWARD -p udp -j DROP\n'));
    expect(w.send('eth0', query)).toEqual([]);
  });
  test('an entry that was deleted makes room for another endpoint', () => {
    const w = known();
    w.load(rules('10.244.1.6'));
    expect(w.send('eth0', query)[0]).toContain('>10.244.1.5:53');
    w.conntrack.flush();
    for (let i = 0; i < 4; i++) expect(w.send('eth0', query)[0]).toContain('>10.244.1.6:53');
  });
  test('a new route is taken', () => {
    const w = known();
    const blackhole = route({ network: parseIpv4('10.244.1.5'), prefix: 32, type: RouteType.Blackhole, oif: w.plane.lo.id });
    w.plane.setRoutes([
      ...routesOfAddresses(
        w.plane.interfaces.filter(i => i !== null),
        w.plane.lo,
      ),
      blackhole,
    ]);
    expect(w.send('eth0', query)).toEqual([]);
    expect(w.drops()).toHaveProperty('BLACKHOLE');
  });
  test('forwarding that is switched off ends it', () => {
    const w = known();
    setSysctl(w.plane, w.conntrack, 'net.ipv4.ip_forward', 0);
    expect(w.send('eth0', query)).toEqual([]);
  });
});

test.each([1, 2, 3])('traffic at random comes out the same, known or asked about (seed %i)', seed => {
  const [knowing, plain] = pair(rules('10.244.1.5'));
  const traffic = new RandomTraffic(seed);
  const destinations = ['10.96.0.80', '10.244.1.5', '10.244.1.6', '203.0.113.9', '192.168.56.11'];
  const ends = {
    eth0: { srcMac: UP, dstMac: N1, src: ['203.0.113.9', '203.0.113.10'], dst: destinations },
    east: { srcMac: POD, dstMac: EAST, src: ['10.244.1.5', '10.244.1.6'], dst: destinations },
  };
  for (let n = 0; n < 3000; n++) {
    const port = traffic.pick(['eth0', 'east'] as const);
    for (const frame of traffic.frames(ends[port])) expect(knowing.send(port, frame)).toEqual(plain.send(port, frame));
    if (traffic.below(100) === 0) {
      const ms = traffic.below(3000);
      expect(knowing.advance(ms)).toEqual(plain.advance(ms));
    }
  }
  expect(counted(knowing)).toEqual(counted(plain));
  expect(entries(knowing)).toEqual(entries(plain));
  expect(knowing.drops()).toEqual(plain.drops());
});

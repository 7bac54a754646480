import { describe, expect, test } from 'vitest';
import { upperBounds } from '../../src/router/fib.ts';
import { arpFrame, icmpFrame, ip, tcpFrame, udpFrame } from './frames.ts';
import { type World, world } from './world.ts';

const CLIENT = '02:00:00:00:00:0a';
const IN = '02:00:00:00:01:00';
const LEFT = '02:00:00:00:02:01';
const RIGHT = '02:00:00:00:02:02';

/** `eth0` to the client; behind `left` and `right` a gateway each, and the pods behind both. */
function router(over: { weights?: [number, number]; sysctl?: Record<string, number>; known?: boolean; tun?: boolean } = {}): World {
  const [one, two] = over.weights ?? [1, 1];
  return world({
    ports: [
      { name: 'eth0', kind: 'packet', mac: IN, addresses: ['192.168.56.11/24'] },
      { name: 'left', kind: 'packet', mac: '02:00:00:00:01:01', addresses: ['10.0.1.1/24'] },
      { name: 'right', kind: 'packet', mac: '02:00:00:00:01:02', addresses: ['10.0.2.1/24'] },
      ...(over.tun ? [{ name: 'tun0', kind: 'tun' as const }] : []),
    ],
    routes: [
      {
        to: '10.244.0.0/16',
        nexthops: [
          { via: '10.0.1.9', weight: one },
          { via: '10.0.2.9', weight: two },
        ],
      },
      { to: '203.0.113.0/24', via: '192.168.56.9' },
    ],
    neighbours: [
      { ip: '192.168.56.9', mac: CLIENT, dev: 'eth0' },
      ...(over.known === false
        ? []
        : [
            { ip: '10.0.1.9', mac: LEFT, dev: 'left' },
            { ip: '10.0.2.9', mac: RIGHT, dev: 'right' },
          ]),
    ],
    sysctl: { 'net.ipv4.ip_forward': 1, ...over.sysctl },
  });
}
const byPorts = { 'net.ipv4.fib_multipath_hash_policy': 1 };
const to = { srcMac: CLIENT, dstMac: IN, src: '203.0.113.9', dst: '10.244.1.5' };
/** The port by which the only packet left. */
const way = (lines: readonly string[]): string => {
  expect(lines).toHaveLength(1);
  return lines[0]!.split(':')[0]!;
};
const ways = (w: World, count: number, frame: (i: number) => Uint8Array): string[] =>
  Array.from({ length: count }, (_, i) => way(w.send('eth0', frame(i))));
const share = (all: readonly string[]): number => all.filter(each => each === 'left').length / all.length;
const host = (i: number): string => `10.244.${i >> 8}.${i & 255}`;

test.each([
  { weights: [1, 1], bounds: [0x3fff_ffff, 0x7fff_ffff] },
  { weights: [1, 1, 1], bounds: [715_827_882, 1_431_655_764, 0x7fff_ffff] },
  { weights: [1, 3], bounds: [0x1fff_ffff, 0x7fff_ffff] },
  { weights: [256, 1], bounds: [2_139_127_680 - 1, 0x7fff_ffff] },
])('the bounds of $weights are those of fib_rebalance', ({ weights, bounds }) => {
  expect(upperBounds(weights.map(weight => ({ weight })))).toEqual(bounds);
});

describe('several ways to one network', () => {
  test('a flow keeps its way, and the source is that of the way', () => {
    const w = router();
    const one = ways(w, 5, () => udpFrame({ ...to, sport: 4000, dport: 53 }));
    expect(new Set(one).size).toBe(1);
    expect(w.last).toHaveLength(1);
  });

  test.each([
    { weights: [1, 1] as [number, number], part: 0.5 },
    { weights: [1, 3] as [number, number], part: 0.25 },
  ])('weights $weights share the flows', ({ weights, part }) => {
    const w = router({ weights });
    const taken = ways(w, 1000, i => udpFrame({ ...to, dst: host(i + 5), sport: 4000, dport: 53 }));
    // Three standard deviations of 1000 draws are 0.047 at most.
    expect(Math.abs(share(taken) - part)).toBeLessThan(0.06);
  });

  test('policy 0: ports count for nothing', () => {
    const w = router();
    expect(new Set(ways(w, 100, i => tcpFrame({ ...to, sport: 4000 + i, dport: 80, flags: 'S' }))).size).toBe(1);
  });

  test('policy 1: each connection of two hosts has a way of its own', () => {
    const w = router({ sysctl: byPorts });
    const taken = ways(w, 400, i => tcpFrame({ ...to, sport: 4000 + i, dport: 80, flags: 'S' }));
    expect(Math.abs(share(taken) - 0.5)).toBeLessThan(0.09);
    expect(ways(w, 400, i => tcpFrame({ ...to, sport: 4000 + i, dport: 80, flags: 'A' }))).toEqual(taken);
  });

  test('policy 1: a fragment has no ports', () => {
    const w = router({ sysctl: byPorts });
    const first = (i: number) => ip({ ...to, id: i, moreFragments: true }, 17, Uint8Array.of(16, i, 0, 53, 0, 40, 0, 0));
    expect(new Set(ways(w, 50, first)).size).toBe(1);
  });

  test('an error about a flow takes that flow its way', () => {
    const w = router();
    for (let i = 5; i < 45; i++) {
      const flow = udpFrame({ ...to, src: '203.0.113.9', dst: host(i), sport: 53, dport: 4000 });
      const expected = way(w.send('eth0', flow));
      // What a router in front of the client says about the answer: to the pod, quoting pod > client.
      const answer = udpFrame({ ...to, src: host(i), dst: '203.0.113.9', sport: 4000, dport: 53 }).slice(14);
      const error = icmpFrame({ ...to, src: '192.168.56.9', dst: host(i), type: 11, data: answer });
      expect(way(w.send('eth0', error))).toBe(expected);
    }
  });

  test('what rules translate is hashed as it stands then', () => {
    const w = router();
    w.load('*nat\n-A PREROUTING -d 10.96.0.1 -p udp --dport 53 -j DNAT --to-destination 10.244.7.7:53\nCOMMIT\n');
    const plain = way(w.send('eth0', udpFrame({ ...to, dst: '10.244.7.7', sport: 4000, dport: 53 })));
    expect(way(w.send('eth0', udpFrame({ ...to, dst: '10.96.0.1', sport: 4001, dport: 53 })))).toBe(plain);
  });

  test('strict rp_filter takes a packet in by any of its ways', () => {
    const w = router({ sysctl: { 'net.ipv4.conf.all.rp_filter': 1 } });
    const back = { dst: '203.0.113.9', src: '10.244.1.5', sport: 53, dport: 4000 };
    expect(w.send('left', udpFrame({ ...back, srcMac: LEFT, dstMac: '02:00:00:00:01:01' }))).toHaveLength(1);
    expect(w.send('right', udpFrame({ ...back, srcMac: RIGHT, dstMac: '02:00:00:00:01:02' }))).toHaveLength(1);
  });
});

describe("the node's own packets", () => {
  const own = (src: string, i: number) => udpFrame({ ...to, src, dst: host(i), sport: 4000, dport: 53 }).slice(14);

  test('take the way from which they have their source', () => {
    const w = router({ tun: true });
    for (let i = 5; i < 25; i++) {
      expect(way(w.fromSocket(own('10.0.1.1', i)))).toBe('left');
      expect(way(w.fromSocket(own('10.0.2.1', i)))).toBe('right');
    }
  });

  test('with another source by their hash', () => {
    const w = router({ tun: true });
    const taken = Array.from({ length: 200 }, (_, i) => way(w.fromSocket(own('192.168.56.11', i + 5))));
    expect(Math.abs(share(taken) - 0.5)).toBeLessThan(0.11);
  });
});

describe('a next hop that does not answer', () => {
  const frame = (i: number) => udpFrame({ ...to, dst: host(i + 5), sport: 4000, dport: 53 });
  const answer = (w: World, port: 'left' | 'right') => {
    const [n, mac] = port === 'left' ? [1, LEFT] : [2, RIGHT];
    const here = `02:00:00:00:01:0${n}`;
    return w.send(port, arpFrame({ op: 'reply', sha: mac, spa: `10.0.${n}.9`, tha: here, tpa: `10.0.${n}.1` }));
  };
  const fail = (w: World): void => {
    for (let i = 0; i < 40; i++) w.send('eth0', frame(i));
    answer(w, 'left');
    for (let second = 0; second < 3; second++) w.advance(1000);
  };

  test('keeps its flows', () => {
    const w = router({ known: false });
    fail(w);
    const lines = Array.from({ length: 40 }, (_, i) => w.send('eth0', frame(i))).flat();
    expect(lines.some(line => line.startsWith('right: ') && line.includes('arp who-has 10.0.2.9'))).toBe(true);
  });

  test('with fib_multipath_use_neigh is left out until it answers', () => {
    const w = router({ known: false, sysctl: { 'net.ipv4.fib_multipath_use_neigh': 1 } });
    fail(w);
    expect(new Set(ways(w, 40, frame))).toEqual(new Set(['left']));
    w.send('right', arpFrame({ op: 'request', sha: RIGHT, spa: '10.0.2.9', tpa: '10.0.2.1' }));
    expect(new Set(ways(w, 40, frame))).toEqual(new Set(['left', 'right']));
  });
});

test('a hash policy that the router does not know is refused', () => {
  expect(() => router({ sysctl: { 'net.ipv4.fib_multipath_hash_policy': 2 } })).toThrow('must be 0 (addresses) or 1 (ports as well)');
});

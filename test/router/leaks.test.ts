/** Random traffic of every kind through a whole node: when it is over and every time has run out, nothing is kept. */
import { describe, expect, test } from 'vitest';
import { arpFrame, udpFrame } from './frames.ts';
import { cut, RandomTraffic } from './random-traffic.ts';
import { type World, world } from './world.ts';

const UP = '02:00:00:00:00:01';
const N1 = '02:00:00:00:00:11';
const N2 = '02:00:00:00:00:12';
const CNI = '02:00:00:00:01:01';
const POD = '02:00:00:00:01:05';
const VTEP1 = '02:00:00:00:f1:01';
const VTEP2 = '02:00:00:00:f1:02';

const DESCRIPTION = {
  ports: [
    { name: 'eth0', kind: 'packet' as const, mac: N1, addresses: ['192.168.56.11/24'] },
    { name: 'cni0', kind: 'tap' as const, interface: 'tap0', mac: CNI, mtu: 1450, addresses: ['10.244.1.1/24'], bridge: {} },
    { name: 'tun0', kind: 'tun' as const },
  ],
  vxlan: [
    {
      name: 'flannel.1',
      local: '192.168.56.11',
      mac: VTEP1,
      addresses: ['10.244.1.0/32'],
      peers: [
        { subnet: '10.244.2.0/24', vtep: '10.244.2.0', mac: VTEP2, node: '192.168.56.12' },
        { subnet: '10.244.3.0/24', vtep: '10.244.3.0', mac: '02:00:00:00:f1:03', node: '192.168.56.13' }, // a node that answers no ARP
      ],
    },
  ],
  routes: [{ to: 'default', via: '192.168.56.1' }],
  neighbours: [
    { ip: '192.168.56.1', mac: UP, dev: 'eth0' },
    { ip: '192.168.56.12', mac: N2, dev: 'eth0' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
};

const RULES = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.80/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.244.1.5:8080
-A PREROUTING -d 10.96.0.80/32 -p udp -m udp --dport 53 -j DNAT --to-destination 10.244.2.5:53
-A PREROUTING -d 10.96.0.81/32 -p udp -m udp --dport 53 -j DNAT --to-destination 192.168.56.11:53
-A POSTROUTING ! -s 10.244.0.0/16 -o flannel.1 -j MASQUERADE
-A POSTROUTING -s 10.244.0.0/16 ! -d 10.244.0.0/16 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 1 -j REJECT
-A FORWARD -m conntrack --ctstate INVALID -j DROP
-A FORWARD -p udp -m udp --dport 1 -j REJECT
-A FORWARD -p tcp -m tcp --dport 1 -j REJECT --reject-with tcp-reset
-A FORWARD -p udp -m udp --dport 2 -j DROP
COMMIT
`;

const destinations = [
  '10.244.1.5', // a pod
  '10.244.1.99', // a pod that is not there
  '10.244.2.5',
  '10.244.3.5', // behind a node that is not there
  '10.96.0.80',
  '10.96.0.81',
  '192.168.56.11', // this node
  '10.244.1.1',
  '203.0.113.9',
  '192.168.56.77', // nobody
  '224.0.0.1',
  '192.168.56.255',
];
const ends = {
  eth0: { srcMac: UP, dstMac: N1, src: ['203.0.113.9', '203.0.113.10', '192.168.56.1', '10.244.2.7'], dst: destinations },
  cni0: { srcMac: POD, dstMac: CNI, src: ['10.244.1.5', '10.244.1.6'], dst: destinations },
};

const settled = (w: World) => ({
  arena: w.plane.arena.free,
  waiting: w.plane.waiting,
  fragments: w.plane.reassembly.used,
  connections: w.connections(),
});

describe('a node after random traffic', () => {
  test.each([1, 2, 3, 4])('keeps nothing when every time has run out (seed %i)', seed => {
    const w = world(DESCRIPTION, RULES, { frameSize: 2048 });
    const before = settled(w);
    const g = new RandomTraffic(seed);
    for (let n = 0; n < 4000; n++) {
      const port = g.pick(['eth0', 'cni0'] as const);
      for (const frame of g.frames(ends[port])) w.send(port, frame);
      if (g.below(10) === 0) {
        const packet = g.frames(ends.cni0)[0]!.subarray(14);
        if (packet.length > 20) w.fromSocket(packet);
      }
      // The pod is asked for, goes, and is there again.
      if (g.below(50) === 0) w.send('cni0', arpFrame({ op: 'reply', sha: POD, spa: '10.244.1.5', tha: CNI, tpa: '10.244.1.1' }));
      if (g.below(20) === 0) w.advance(g.below(3000));
    }
    expect(w.connections()).toBeGreaterThan(10); // the traffic was no mere noise
    expect(Object.keys(w.drops()).length).toBeGreaterThan(8);
    for (let s = 0; s < 60; s++) w.advance(1000);
    w.advance(6 * 24 * 3600 * 1000);
    expect(settled(w)).toEqual(before);
  });

  test('gives back what waited for a neighbour that never answered', () => {
    const w = world(DESCRIPTION, RULES, { frameSize: 2048 });
    const before = settled(w);
    const ends = { srcMac: UP, dstMac: N1, src: '203.0.113.9', dst: '10.244.1.99' };
    for (let id = 0; id < 500; id++)
      for (const piece of cut(udpFrame({ ...ends, id, sport: id + 1, dport: 53, data: new Uint8Array(3000) }), 1000)) w.send('eth0', piece);
    expect(w.plane.arena.free).toBeLessThan(before.arena);
    for (let s = 0; s < 5; s++) w.advance(1000);
    expect(w.plane.arena.free).toBe(before.arena);
  });
});

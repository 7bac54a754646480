import { describe, expect, test } from 'vitest';
import { Gso } from '../../src/packet/packet.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import { icmpFrame, ip, tcpFrame, udpFrame } from './frames.ts';
import { type World, world } from './world.ts';

const POD = '02:00:00:00:00:0b'; // pod behind cali1
const EE = 'ee:ee:ee:ee:ee:ee'; // the router there
const R0 = '02:00:00:00:01:00'; // router's eth0
const NODE2 = '02:00:00:00:01:02';
const GATEWAY = '02:00:00:00:01:fe';

const node1 = {
  ports: [
    { name: 'eth0', kind: 'packet' as const, mac: R0, addresses: ['192.168.56.11/24'] },
    { name: 'cali1', kind: 'packet' as const, mac: EE, mtu: 1480, addresses: [] },
  ],
  ipip: [{ name: 'tunl0', local: '192.168.56.11', addresses: ['10.244.1.0/32'] }],
  routes: [
    { to: '10.244.1.2/32', dev: 'cali1' },
    { to: '10.244.2.0/26', via: '192.168.56.12', dev: 'tunl0' },
    { to: '10.244.3.0/26', via: '192.168.57.13', dev: 'tunl0' },
    { to: 'default', via: '192.168.56.1', dev: 'eth0' },
  ],
  neighbours: [
    { ip: '10.244.1.2', mac: POD, dev: 'cali1' },
    { ip: '192.168.56.12', mac: NODE2, dev: 'eth0' },
    { ip: '192.168.56.1', mac: GATEWAY, dev: 'eth0' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
};
const fromPod = { srcMac: POD, dstMac: EE, src: '10.244.1.2', dst: '10.244.2.5' };
const fromNode2 = { srcMac: NODE2, dstMac: R0, src: '192.168.56.12', dst: '192.168.56.11' };
const backToPod = { srcMac: NODE2, dstMac: R0, src: '10.244.2.5', dst: '10.244.1.2' };

const ETHERNET = 14;
const outer = (w: World, i = 0) => ipv4.decode(w.last[i]!.bytes, ETHERNET);
const inner = (w: World, i = 0) => ipv4.decode(w.last[i]!.bytes, ETHERNET + 20);
const wrapped = (frame: Uint8Array, ends = {}) => ip({ ...fromNode2, ...ends }, ipv4.Protocol.Ipip, frame.slice(ETHERNET));

describe('into the tunnel', () => {
  test('the outer packet goes from this node to the next hop of the route, one TTL for both', () => {
    const w = world(node1);
    expect(w.send('cali1', udpFrame({ ...fromPod, ttl: 9, sport: 4000, dport: 53 }))).toEqual([
      `eth0: ${R0}>${NODE2} ipip 192.168.56.11>192.168.56.12 ttl 8 [udp 10.244.1.2:4000>10.244.2.5:53 ttl 8]`,
    ]);
  });

  test('a node of another subnet is reached by the gateway', () => {
    const w = world(node1);
    expect(w.send('cali1', udpFrame({ ...fromPod, dst: '10.244.3.5', sport: 4000, dport: 53 }))).toEqual([
      `eth0: ${R0}>${GATEWAY} ipip 192.168.56.11>192.168.57.13 ttl 63 [udp 10.244.1.2:4000>10.244.3.5:53 ttl 63]`,
    ]);
  });

  test.each([false, true])('DF outside is DF inside: %s', dontFragment => {
    const w = world(node1);
    w.send('cali1', udpFrame({ ...fromPod, dontFragment, sport: 4000, dport: 53 }));
    expect(outer(w).dontFragment).toBe(dontFragment);
    expect(inner(w).dontFragment).toBe(dontFragment);
  });

  test.each([
    ['not ECT', 0xb8, 0x00],
    ['ECT(1)', 0x01, 0x01],
    ['ECT(0)', 0xba, 0x02],
    ['CE begins anew as ECT(0)', 0x03, 0x02],
  ])('of the type of service only ECN goes outside: %s', (_, tos, outside) => {
    const w = world(node1);
    w.send('cali1', udpFrame({ ...fromPod, tos, sport: 4000, dport: 53 }));
    expect([outer(w).tos, inner(w).tos]).toEqual([outside, tos]);
  });

  test('options of the packet inside stay inside', () => {
    const w = world(node1);
    const [line] = w.send('cali1', udpFrame({ ...fromPod, options: Uint8Array.of(1, 1, 1, 0), sport: 1, dport: 2 }));
    expect(line).toContain('ipip 192.168.56.11>192.168.56.12 ttl 63 [udp 10.244.1.2:1>10.244.2.5:2');
    expect(w.last[0]!.bytes[ETHERNET]).toBe(0x45);
  });

  test('a TTL that ends here is told before the tunnel', () => {
    const w = world(node1);
    expect(w.send('cali1', udpFrame({ ...fromPod, ttl: 1, sport: 1, dport: 2 }))[0]).toContain('type 11 code 0');
  });
});

describe('sizes', () => {
  const large = (dontFragment: boolean, length: number) =>
    udpFrame({ ...fromPod, dontFragment, id: 9, sport: 1, dport: 2, data: new Uint8Array(length - 28) });

  test('1480 bytes fit, with DF and without', () => {
    const w = world(node1);
    w.send('cali1', large(true, 1480));
    expect(w.last.map(f => f.bytes.length)).toEqual([ETHERNET + 1500]);
  });

  test('longer with DF: the pod is told 1480', () => {
    const w = world(node1);
    const [line] = w.send('cali1', large(true, 1481));
    expect(line).toContain('type 3 code 4 rest 1480');
    expect(w.drops()).toEqual({ PKT_TOO_BIG: 1 });
  });

  test('longer without DF: in pieces, each wrapped by itself', () => {
    const w = world(node1);
    const lines = w.send('cali1', large(false, 1500));
    expect(lines.map(l => l.replace(/.*ipip \S+ /, ''))).toEqual([
      'ttl 63 [udp 10.244.1.2:1>10.244.2.5:2 ttl 63 frag 0+ of 9]',
      'ttl 63 [ip 10.244.1.2>10.244.2.5 proto 17 ttl 63 frag 1456 of 9]',
    ]);
  });

  test('the underlay is narrower than the tunnel thinks: with DF the pod is told, without the outer packet is cut', () => {
    const narrow = { ...node1, ports: [{ ...node1.ports[0]!, mtu: 1400 }, node1.ports[1]!] };
    const w = world(narrow);
    expect(w.send('cali1', large(true, 1480))[0]).toContain('type 3 code 4 rest 1380');
    w.send('cali1', large(false, 1480));
    expect([outer(w).moreFragments, outer(w, 1).fragmentOffset, w.last[0]!.bytes.length]).toEqual([true, 1376, ETHERNET + 1396]);
  });

  test('a sender that was translated on the way is told by his own address', () => {
    const narrow = { ...node1, ports: [{ ...node1.ports[0]!, mtu: 1400 }, node1.ports[1]!] };
    const w = world(narrow, '*nat\n-A POSTROUTING -o tunl0 -j MASQUERADE\nCOMMIT\n');
    const [line] = w.send('cali1', large(true, 1480));
    expect(line).toMatch(/^cali1: .*>10\.244\.1\.2 type 3 code 4 rest 1380 .*\[udp 10\.244\.1\.2:1>10\.244\.2\.5:2/);
  });

  test('a router on the way tells the size of the path: kept for ten minutes, and for that node alone', () => {
    const w = world(node1);
    w.send('cali1', large(true, 1480));
    const quoted = w.last[0]!.bytes.slice(ETHERNET, ETHERNET + 48);
    const told = icmpFrame({
      srcMac: GATEWAY,
      dstMac: R0,
      src: '192.168.56.1',
      dst: '192.168.56.11',
      type: 3,
      code: 4,
      rest: 1300,
      data: quoted,
    });
    expect(w.send('eth0', told)).toEqual([]);
    expect(w.send('cali1', large(true, 1480))[0]).toContain('type 3 code 4 rest 1280');
    expect(w.send('cali1', large(true, 1280))[0]).toContain('ipip');
    w.send('cali1', large(false, 1480));
    expect(w.last.map(f => f.bytes.length - ETHERNET)).toEqual([1300, 220]);
    expect(
      w.send('cali1', udpFrame({ ...fromPod, dst: '10.244.3.5', dontFragment: true, sport: 1, dport: 2, data: new Uint8Array(1452) }))[0],
    ).toContain('ipip');
    w.advance(600_001);
    expect(w.send('cali1', large(true, 1480))[0]).toContain('ipip');
  });

  test('a segment is cut in front of the tunnel, each piece wrapped with a sum that holds', () => {
    const w = world(node1, '', { udpSegments: true });
    const data = Uint8Array.from({ length: 3000 }, (_, i) => i);
    const frame = tcpFrame({ ...fromPod, dst: '10.244.2.5', sport: 1, dport: 2, flags: 'A', data });
    const lines = w.send('cali1', frame, { gsoSize: 1440, gsoType: Gso.Tcp4 });
    expect(lines).toHaveLength(3);
    for (const line of lines)
      expect(line).toMatch(/ipip 192\.168\.56\.11>192\.168\.56\.12 ttl 63 \[tcp 10\.244\.1\.2:1>10\.244\.2\.5:2 A ttl 63\]$/);
    expect(w.last.map(f => [f.bytes.length - ETHERNET, f.gsoType])).toEqual([
      [1500, 0],
      [1500, 0],
      [180, 0],
    ]);
  });
});

describe('out of the tunnel', () => {
  test('the packet inside comes in on tunl0 and goes to the pod', () => {
    const w = world(node1);
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 53, dport: 4000 })))).toEqual([
      `cali1: ${EE}>${POD} udp 10.244.2.5:53>10.244.1.2:4000 ttl 63`,
    ]);
  });

  test('from whomever it comes: a node that is not known is no reason to refuse it', () => {
    const w = world(node1);
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 53, dport: 4000 }), { src: '192.168.56.99' }))).toHaveLength(1);
  });

  test.each([
    ['CE is told inside', 0x03, 0xba, 0xbb],
    ['ECT(1) outside becomes ECT(1) inside', 0x01, 0x02, 0x01],
    ['what cannot tell stays as it is', 0x02, 0xb8, 0xb8],
  ])('ECN: %s', (_, outerTos, innerTos, result) => {
    const w = world(node1);
    const [line] = w.send('eth0', wrapped(udpFrame({ ...backToPod, tos: innerTos, sport: 53, dport: 4000 }), { tos: outerTos }));
    expect(line).toBe(`cali1: ${EE}>${POD} udp 10.244.2.5:53>10.244.1.2:4000 ttl 63 tos 0x${result.toString(16)}`);
  });

  test('congestion that the packet inside cannot tell of ends it', () => {
    const w = world(node1);
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 53, dport: 4000 }), { tos: 3 }))).toEqual([]);
    expect(w.drops()).toEqual({ IP_TUNNEL_ECN: 1 });
  });

  test('the inner packet is looked at as any other: source, header, length', () => {
    const w = world(node1);
    w.send('eth0', wrapped(udpFrame({ ...backToPod, src: '192.168.56.11', sport: 1, dport: 2 })));
    const broken = wrapped(udpFrame({ ...backToPod, sport: 1, dport: 2 }));
    broken[ETHERNET + 20 + 10]! ^= 1;
    w.send('eth0', broken);
    w.send('eth0', ip(fromNode2, ipv4.Protocol.Ipip, new Uint8Array(19)));
    expect(w.drops()).toEqual({ IP_INVALID_SOURCE: 1, IP_CSUM: 1, PKT_TOO_SMALL: 1 });
  });

  test('strict rp_filter takes it only from where the way back leads', () => {
    const w = world({ ...node1, sysctl: { ...node1.sysctl, 'net.ipv4.conf.tunl0.rp_filter': 1 } });
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 1, dport: 2 })))).toHaveLength(1);
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, src: '203.0.113.9', sport: 1, dport: 2 })))).toEqual([]);
    expect(w.drops()).toEqual({ IP_RPFILTER: 1 });
  });

  test('in fragments: put together first', () => {
    const w = world(node1);
    const whole = udpFrame({ ...backToPod, sport: 53, dport: 4000, data: new Uint8Array(1000) }).slice(ETHERNET);
    expect(w.send('eth0', ip({ ...fromNode2, id: 5, moreFragments: true }, 4, whole.slice(0, 800)))).toEqual([]);
    expect(w.send('eth0', ip({ ...fromNode2, id: 5, fragmentOffset: 800 }, 4, whole.slice(800)))).toEqual([
      `cali1: ${EE}>${POD} udp 10.244.2.5:53>10.244.1.2:4000 ttl 63`,
    ]);
  });

  test('a segment whose sum the other kernel left to the device goes on as one', () => {
    const w = world(node1, '', { udpSegments: true });
    const frame = wrapped(tcpFrame({ ...backToPod, sport: 1, dport: 2, flags: 'A', data: new Uint8Array(4000) }));
    w.send('eth0', frame, { gsoSize: 1440, gsoType: Gso.Tcp4, csumStart: ETHERNET + 40 });
    expect(w.last.map(f => [f.port, f.gsoType, f.gsoSize, f.csumStart, f.bytes.length])).toEqual([
      ['cali1', Gso.Tcp4, 1440, ETHERNET + 20, ETHERNET + 40 + 4000],
    ]);
  });

  test('a router without a tunnel says that the protocol is not known here', () => {
    const w = world({ ...node1, ipip: [], routes: [node1.routes[0]!, node1.routes[3]!] });
    const [line] = w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 1, dport: 2 })));
    expect(line).toMatch(/^eth0: .* type 3 code 2 ttl 64 tos 0xc0 \[ipip 192\.168\.56\.12>192\.168\.56\.11/);
  });
});

describe('between two tunnels and none', () => {
  test('in by tunl0 and out by tunl0, without a redirect', () => {
    const w = world(node1);
    const lines = w.send('eth0', wrapped(udpFrame({ ...backToPod, dst: '10.244.3.5', sport: 1, dport: 2 })));
    expect(lines).toEqual([`eth0: ${R0}>${GATEWAY} ipip 192.168.56.11>192.168.57.13 ttl 63 [udp 10.244.2.5:1>10.244.3.5:2 ttl 63]`]);
  });

  test('a next hop behind the tunnel itself is a loop', () => {
    const w = world({ ...node1, routes: [...node1.routes, { to: '10.244.4.0/26', via: '10.244.2.9', dev: 'tunl0' }] });
    expect(w.send('cali1', udpFrame({ ...fromPod, dst: '10.244.4.5', sport: 1, dport: 2 }))).toEqual([]);
    expect(w.drops()).toEqual({ TUNNEL_LOOP: 1 });
  });

  test('a next hop to which no route leads', () => {
    const w = world({ ...node1, routes: node1.routes.slice(0, 3) });
    expect(w.send('cali1', udpFrame({ ...fromPod, dst: '10.244.3.5', sport: 1, dport: 2 }))).toEqual([]);
    expect(w.drops()).toEqual({ IP_OUT_NO_ROUTES: 1 });
  });
});

describe('rules', () => {
  const counts = (w: World, rules: string) => {
    w.load(rules);
    return w;
  };

  test('tunl0 is an interface to them, and the outer packet a connection of protocol 4', () => {
    const w = counts(
      world(node1),
      `*filter
-A INPUT -i eth0 -p 4 -m conntrack --ctstate ESTABLISHED -j DROP
-A FORWARD -o tunl0 -p udp --dport 99 -j REJECT
-A FORWARD -i tunl0 -p udp --dport 98 -j DROP
-A OUTPUT -o eth0 -p 4 -d 192.168.57.13 -j DROP
COMMIT
`,
    );
    expect(w.send('cali1', udpFrame({ ...fromPod, sport: 1, dport: 99 }))[0]).toContain('type 3 code 3');
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 1, dport: 98 })))).toEqual([]);
    expect(w.send('cali1', udpFrame({ ...fromPod, dst: '10.244.3.5', sport: 1, dport: 2 }))).toEqual([]);
    // The answer to a connection that node 2 began outside.
    expect(w.send('cali1', udpFrame({ ...fromPod, sport: 1, dport: 2 }))).toHaveLength(1);
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 2, dport: 1 })))).toEqual([]);
    expect(w.drops()).toMatchObject({ NETFILTER_DROP: 3 });
  });

  test('the mark goes through both ways', () => {
    const w = counts(
      world(node1),
      `*mangle
-A FORWARD -o tunl0 -j MARK --set-xmark 0x7/0xffffffff
-A POSTROUTING -p 4 -m mark --mark 0x7 -j TOS --set-tos 0x40/0xff
-A PREROUTING -i eth0 -p 4 -j MARK --set-xmark 0x9/0xffffffff
-A PREROUTING -i tunl0 -m mark --mark 0x9 -j TOS --set-tos 0x80/0xff
COMMIT
`,
    );
    w.send('cali1', udpFrame({ ...fromPod, sport: 1, dport: 2 }));
    expect([outer(w).tos, inner(w).tos]).toEqual([0x40, 0]);
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, sport: 2, dport: 1 })))[0]).toContain('tos 0x80');
  });

  test("masquerade on the way in takes the tunnel's address, and the answer finds back", () => {
    const w = world(node1, '*nat\n-A POSTROUTING -o tunl0 -p udp -j MASQUERADE\nCOMMIT\n');
    expect(w.send('cali1', udpFrame({ ...fromPod, sport: 4000, dport: 53 }))[0]).toContain('[udp 10.244.1.0:4000>10.244.2.5:53 ttl 63]');
    expect(w.send('eth0', wrapped(udpFrame({ ...backToPod, dst: '10.244.1.0', sport: 53, dport: 4000 })))).toEqual([
      `cali1: ${EE}>${POD} udp 10.244.2.5:53>10.244.1.2:4000 ttl 63`,
    ]);
  });
});

import { describe, expect, test } from 'vitest';
import { arpFrame, icmpFrame, ip, tcpFrame, udpFrame } from './frames.ts';
import { world } from './world.ts';

const A = '02:00:00:00:00:0a'; // client behind eth0
const R0 = '02:00:00:00:01:00'; // router's eth0
const B = '02:00:00:00:00:0b'; // pod behind cni0
const R1 = '02:00:00:00:01:01'; // router's cni0

const plain = {
  ports: [
    { name: 'eth0', kind: 'packet' as const, mac: R0, addresses: ['192.168.56.11/24'] },
    { name: 'cni0', kind: 'packet' as const, mac: R1, mtu: 1450, addresses: ['10.244.1.1/24'] },
  ],
  neighbours: [
    { ip: '192.168.56.9', mac: A, dev: 'eth0' },
    { ip: '10.244.1.5', mac: B, dev: 'cni0' },
  ],
  routes: [{ to: 'default', via: '192.168.56.9' }],
  sysctl: { 'net.ipv4.ip_forward': 1 },
};
const toPod = { srcMac: A, dstMac: R0, src: '203.0.113.9', dst: '10.244.1.5' };

describe('forwarding', () => {
  test('rewrites both MACs, takes one off the TTL and keeps checksums right', () => {
    const w = world(plain);
    expect(w.send('eth0', udpFrame({ ...toPod, sport: 4000, dport: 53 }))).toEqual([
      `cni0: ${R1}>${B} udp 203.0.113.9:4000>10.244.1.5:53 ttl 63`,
    ]);
  });

  test('answers TTL 1 with time exceeded from the address towards the sender, TOS 0xc0', () => {
    const w = world(plain);
    expect(w.send('eth0', udpFrame({ ...toPod, ttl: 1, sport: 4000, dport: 53 }))).toEqual([
      `eth0: ${R0}>${A} icmp 192.168.56.11>203.0.113.9 type 11 code 0 ttl 64 tos 0xc0 [udp 203.0.113.9:4000>10.244.1.5:53 ttl 1]`,
    ]);
    expect(w.drops()).toEqual({ TTL_EXCEEDED: 1 });
  });

  test('tells a sender with DF the MTU of the way out', () => {
    const w = world(plain);
    const frame = udpFrame({ ...toPod, sport: 1, dport: 2, dontFragment: true, data: new Uint8Array(1472) });
    const [line] = w.send('eth0', frame);
    expect(line).toContain('type 3 code 4 rest 1450 ttl 64 tos 0xc0 [udp 203.0.113.9:1>10.244.1.5:2');
  });

  test('cuts a packet without DF into fragments that fit', () => {
    const w = world(plain);
    const lines = w.send('eth0', udpFrame({ ...toPod, id: 7, sport: 1, dport: 2, data: new Uint8Array(1472) }));
    expect(lines).toEqual([
      `cni0: ${R1}>${B} udp 203.0.113.9:1>10.244.1.5:2 ttl 63 frag 0+ of 7`,
      `cni0: ${R1}>${B} ip 203.0.113.9>10.244.1.5 proto 17 ttl 63 frag 1424 of 7`,
    ]);
    expect(w.last.map(f => f.bytes.length - 14)).toEqual([20 + 1424, 20 + 56]);
  });

  test('asks for an unknown neighbour, keeps the packet, and sends it when the answer comes', () => {
    const w = world({ ...plain, neighbours: [] });
    const asked = w.send('eth0', udpFrame({ ...toPod, sport: 4000, dport: 53 }));
    expect(asked).toEqual([`cni0: ${R1}>ff:ff:ff:ff:ff:ff arp who-has 10.244.1.5 tell 10.244.1.1`]);
    const reply = arpFrame({ op: 'reply', sha: B, spa: '10.244.1.5', tha: R1, tpa: '10.244.1.1' });
    expect(w.send('cni0', reply)).toEqual([`cni0: ${R1}>${B} udp 203.0.113.9:4000>10.244.1.5:53 ttl 63`]);
  });

  test('gives up after three requests a second apart and says host unreachable', () => {
    const w = world({ ...plain, neighbours: [plain.neighbours[0]!] });
    w.send('eth0', udpFrame({ ...toPod, sport: 4000, dport: 53 }));
    expect(w.advance(1000)).toHaveLength(1);
    expect(w.advance(1000)).toHaveLength(1);
    expect(w.advance(1000)).toEqual([
      `eth0: ${R0}>${A} icmp 192.168.56.11>203.0.113.9 type 3 code 1 ttl 64 tos 0xc0 [udp 203.0.113.9:4000>10.244.1.5:53 ttl 63]`,
    ]);
    expect(w.drops()).toEqual({ NEIGH_FAILED: 1 });
  });

  test('answers ARP for its own addresses, on any interface, and nothing else', () => {
    const w = world(plain);
    const ask = (tpa: string) => w.send('eth0', arpFrame({ op: 'request', sha: A, spa: '192.168.56.9', tpa }));
    expect(ask('192.168.56.11')).toEqual([`eth0: ${R0}>${A} arp 192.168.56.11 is-at ${R0} to 192.168.56.9`]);
    expect(ask('10.244.1.1')).toEqual([`eth0: ${R0}>${A} arp 10.244.1.1 is-at ${R0} to 192.168.56.9`]);
    expect(ask('192.168.56.12')).toEqual([]);
  });

  test('answers echo requests to its own address', () => {
    const w = world(plain);
    expect(w.send('eth0', icmpFrame({ ...toPod, dst: '192.168.56.11', type: 8 }))).toEqual([
      `eth0: ${R0}>${A} icmp 192.168.56.11>203.0.113.9 type 0 code 0 id 1 ttl 64`,
    ]);
  });

  test('resets a TCP connection that nobody listens for', () => {
    const w = world(plain);
    const [line] = w.send('eth0', tcpFrame({ ...toPod, dst: '192.168.56.11', sport: 999, dport: 80, flags: 'S', seq: 5 }));
    expect(line).toBe(`eth0: ${R0}>${A} tcp 192.168.56.11:80>203.0.113.9:999 RA ttl 64`);
  });
});

describe('input checks', () => {
  const dropOf = (sysctl: Record<string, number>, frame: Uint8Array, port = 'eth0') => {
    const w = world({ ...plain, sysctl: { ...plain.sysctl, ...sysctl } });
    return { lines: w.send(port, frame), drops: w.drops() };
  };
  const frame = (over: object) => udpFrame({ ...toPod, sport: 1, dport: 2, ...over });

  test.each([
    ['own address as source', { src: '192.168.56.11' }, 'IP_INVALID_SOURCE'],
    ['multicast source', { src: '224.0.0.5' }, 'IP_INVALID_SOURCE'],
    ['broadcast source', { src: '255.255.255.255' }, 'IP_INVALID_SOURCE'],
    ['source 0.0.0.0', { src: '0.0.0.0' }, 'IP_INVALID_SOURCE'],
    ['destination 0.0.0.0', { dst: '0.0.0.0' }, 'IP_INVALID_DEST'],
    ['loop-back source', { src: '127.0.0.1' }, 'IP_LOCALNET'],
    ['loop-back destination', { dst: '127.0.0.1' }, 'IP_LOCALNET'],
    ['multicast is not forwarded', { dst: '239.1.1.1', dstMac: '01:00:5e:01:01:01' }, 'MULTICAST'],
    ['frame for another MAC', { dstMac: B }, 'OTHER_HOST'],
    ['loose source route', { options: Uint8Array.of(131, 7, 4, 10, 244, 1, 5, 0) }, 'IP_OPTION_SOURCE_ROUTE'],
  ])('%s', (_name, over, reason) => {
    const { lines, drops } = dropOf({}, frame(over));
    expect(lines).toEqual([]);
    expect(drops).toEqual({ [reason]: 1 });
  });

  test('record route gets the address of the interface that is left; a malformed list is told to the sender', () => {
    const w = world(plain);
    w.send('eth0', frame({ options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) }));
    expect([...w.last[0]!.bytes.subarray(34, 42)]).toEqual([7, 7, 8, 10, 244, 1, 1, 0]);
    const [line] = w.send('eth0', frame({ options: Uint8Array.of(7, 7, 3, 0, 0, 0, 0, 0) }));
    expect(line).toContain(`type 12 code 0 rest ${22 * 2 ** 24} `);
    expect(w.drops()).toEqual({ IP_OPTION_INVALID: 1 });
  });

  test('ip_forward 0 drops what is for others and still answers for itself', () => {
    expect(dropOf({ 'net.ipv4.ip_forward': 0 }, frame({}))).toEqual({ lines: [], drops: { IP_FORWARDING_OFF: 1 } });
    expect(dropOf({ 'net.ipv4.ip_forward': 0 }, icmpFrame({ ...toPod, dst: '192.168.56.11', type: 8 })).lines).toHaveLength(1);
  });

  test('rp_filter 1 wants the way back by the same interface, 2 by any, 0 none', () => {
    const spoofed = udpFrame({ srcMac: B, dstMac: R1, src: '192.168.56.77', dst: '192.168.56.9', sport: 1, dport: 2 });
    expect(dropOf({ 'net.ipv4.conf.cni0.rp_filter': 1 }, spoofed, 'cni0').drops).toEqual({ IP_RPFILTER: 1 });
    expect(dropOf({ 'net.ipv4.conf.all.rp_filter': 1 }, spoofed, 'cni0').drops).toEqual({ IP_RPFILTER: 1 });
    expect(dropOf({ 'net.ipv4.conf.cni0.rp_filter': 2 }, spoofed, 'cni0').lines).toHaveLength(1);
    expect(dropOf({}, spoofed, 'cni0').lines).toHaveLength(1);
  });

  test('accept_local lets the own address in as a source; route_localnet lets 127/8 in', () => {
    expect(dropOf({ 'net.ipv4.conf.eth0.accept_local': 1 }, frame({ src: '192.168.56.11' })).lines).toHaveLength(1);
    const local = dropOf({ 'net.ipv4.conf.eth0.route_localnet': 1 }, frame({ dst: '127.0.0.1' }));
    expect(local.drops).toEqual({ NO_SOCKET: 1 });
  });

  test.each([
    ['shorter than an Ethernet header', new Uint8Array(13), 'PKT_TOO_SMALL'],
    ['shorter than an IPv4 header', frame({}).slice(0, 30), 'PKT_TOO_SMALL'],
    ['wrong header checksum', frame({}).with(24, 1), 'IP_CSUM'],
    ['version 6 in an IPv4 frame', frame({}).with(14, 0x65), 'IP_IN_HDR'],
    ['unknown EtherType', frame({}).with(12, 0x88), 'UNHANDLED_PROTO'],
  ])('a malformed frame is a counted drop: %s', (_name, bytes, reason) => {
    expect(dropOf({}, bytes)).toEqual({ lines: [], drops: { [reason]: 1 } });
  });

  test('no route: network unreachable; blackhole: silence; prohibit and unreachable say so', () => {
    const back = { to: '203.0.113.0/24', via: '192.168.56.9' };
    const routes = (type?: 'blackhole' | 'unreachable' | 'prohibit') => ({
      ...plain,
      routes: type ? [{ to: '198.51.100.0/24', type }, back] : [back],
    });
    const code = (type?: 'blackhole' | 'unreachable' | 'prohibit') =>
      world(routes(type))
        .send('eth0', frame({ dst: '198.51.100.1' }))
        .map(l => /code \d+/.exec(l)![0]);
    expect(code()).toEqual(['code 0']);
    expect(code('blackhole')).toEqual([]);
    expect(code('unreachable')).toEqual(['code 1']);
    expect(code('prohibit')).toEqual(['code 13']);
  });
});

describe('fragments', () => {
  const big = { ...toPod, id: 9 };
  const payload = udpFrame({ ...big, sport: 5, dport: 6, data: new Uint8Array(1400) }).slice(34);
  const first = ip({ ...big, moreFragments: true }, 17, payload.slice(0, 800));
  const second = ip({ ...big, fragmentOffset: 800 }, 17, payload.slice(800));

  test('without conntrack they are forwarded as they come', () => {
    const w = world(plain);
    expect(w.send('eth0', second)).toHaveLength(1);
    expect(w.send('eth0', first)).toHaveLength(1);
  });

  test('with conntrack the datagram is put together for the rules and leaves in fragments no larger than it came', () => {
    const w = world(plain, '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m conntrack --ctstate INVALID\nCOMMIT\n');
    expect(w.send('eth0', second)).toEqual([]);
    expect(w.send('eth0', first)).toEqual([
      `cni0: ${R1}>${B} udp 203.0.113.9:5>10.244.1.5:6 ttl 63 frag 0+ of 9`,
      `cni0: ${R1}>${B} ip 203.0.113.9>10.244.1.5 proto 17 ttl 63 frag 800 of 9`,
    ]);
  });
});

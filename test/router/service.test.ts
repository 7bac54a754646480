import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../src/base/address.ts';
import { run } from '../../src/conntrack/text/command.ts';
import { readRuleSet } from '../../src/netfilter/text/read.ts';
import * as ethernet from '../../src/wire/ethernet.ts';
import { arpFrame, icmpFrame, tcpFrame, tell, udpFrame } from './frames.ts';
import { type World, world } from './world.ts';

const UP = '02:00:00:00:00:01'; // upstream on the node network
const N1 = '02:00:00:00:00:11'; // node1's eth0
const N2 = '02:00:00:00:00:12'; // node2's eth0
const CNI = '02:00:00:00:01:01'; // node1's cni0
const POD = '02:00:00:00:01:05'; // a pod on node1
const POD6 = '02:00:00:00:01:06'; // another
const VTEP1 = '02:00:00:00:f1:01';
const VTEP2 = '02:00:00:00:f1:02';

/** Node 1 with flannel's device, a bridge of pods, and a TUN before its own sockets. */
const node1 = (over: { nfCall?: boolean; hairpin?: boolean } = {}) => ({
  ports: [
    { name: 'eth0', kind: 'packet' as const, mac: N1, addresses: ['192.168.56.11/24'] },
    {
      name: 'cni0',
      kind: 'tap' as const,
      interface: 'tap0',
      mac: CNI,
      mtu: 1450,
      addresses: ['10.244.1.1/24'],
      bridge: { nfCall: over.nfCall ?? true, hairpin: over.hairpin ?? false },
    },
    { name: 'tun0', kind: 'tun' as const },
  ],
  vxlan: [
    {
      name: 'flannel.1',
      local: '192.168.56.11',
      mac: VTEP1,
      addresses: ['10.244.1.0/32'],
      peers: [{ subnet: '10.244.2.0/24', vtep: '10.244.2.0', mac: VTEP2, node: '192.168.56.12' }],
    },
  ],
  routes: [{ to: 'default', via: '192.168.56.1' }],
  neighbours: [
    { ip: '192.168.56.1', mac: UP, dev: 'eth0' },
    { ip: '192.168.56.12', mac: N2, dev: 'eth0' },
    { ip: '10.244.1.5', mac: POD, dev: 'cni0' },
    { ip: '10.244.1.6', mac: POD6, dev: 'cni0' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
});

const rules = (endpoint: string) => `*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-A - [0:0]
:KUBE-EXT-A - [0:0]
:KUBE-SEP-A - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-SERVICES -d 10.96.0.80/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-A
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-EXT-A
-A KUBE-EXT-A -j KUBE-MARK-MASQ
-A KUBE-EXT-A -j KUBE-SVC-A
-A KUBE-SVC-A ! -s 10.244.0.0/16 -d 10.96.0.80/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
-A KUBE-SVC-A -j KUBE-SEP-A
-A KUBE-SEP-A -s ${endpoint}/32 -j KUBE-MARK-MASQ
-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination ${endpoint}:8080
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -j MASQUERADE
COMMIT
`;

/** The frame inside a VXLAN packet of the node network. */
const inner = (frame: Uint8Array): string => tell(frame.subarray(14 + 20 + 8 + 8));

describe('a NodePort request for a pod on another node', () => {
  const client = { srcMac: UP, dstMac: N1, src: '203.0.113.9', dst: '192.168.56.11', ttl: 63 };
  const syn = tcpFrame({ ...client, sport: 40_000, dport: 30_080, flags: 'S' });

  test('is DNATed, masqueraded to flannel.1, and wrapped for the other node; the outer packet keeps the node as its source', () => {
    const w = world(node1(), rules('10.244.2.5'));
    const [line] = w.send('eth0', syn);
    expect(line).toMatch(new RegExp(`^eth0: ${N1}>${N2} udp 192\\.168\\.56\\.11:\\d+>192\\.168\\.56\\.12:8472 ttl 64 nosum$`));
    expect(inner(w.last[0]!.bytes)).toBe(`${VTEP1}>${VTEP2} tcp 10.244.1.0:40000>10.244.2.5:8080 S ttl 62`);
  });

  test('its answer comes back through the tunnel and leaves for the client with the address that the client asked', () => {
    const w = world(node1(), rules('10.244.2.5'));
    w.send('eth0', syn);
    const answer = tcpFrame({
      srcMac: VTEP2,
      dstMac: VTEP1,
      src: '10.244.2.5',
      dst: '10.244.1.0',
      sport: 8080,
      dport: 40_000,
      flags: 'SA',
      ack: 1001,
      ttl: 63,
    });
    const wrapped = udpFrame({
      srcMac: N2,
      dstMac: N1,
      src: '192.168.56.12',
      dst: '192.168.56.11',
      sport: 5555,
      dport: 8472,
      noChecksum: true,
      data: Uint8Array.of(8, 0, 0, 0, 0, 0, 1, 0, ...answer),
    });
    expect(w.send('eth0', wrapped)).toEqual([`eth0: ${N1}>${UP} tcp 192.168.56.11:30080>203.0.113.9:40000 SA ttl 62`]);
  });

  test('a wrong VNI, reserved flags and an unknown peer are named drops', () => {
    const w = world(node1(), rules('10.244.2.5'));
    const wrapped = (header: number[]) =>
      w.send(
        'eth0',
        udpFrame({
          srcMac: N2,
          dstMac: N1,
          src: '192.168.56.12',
          dst: '192.168.56.11',
          sport: 5,
          dport: 8472,
          data: Uint8Array.of(...header, ...syn),
        }),
      );
    expect(wrapped([8, 0, 0, 0, 0, 0, 2, 0])).toEqual([]);
    expect(wrapped([0, 0, 0, 0, 0, 0, 1, 0])).toEqual([]);
    expect(w.drops()).toEqual({ VXLAN_VNI_NOT_FOUND: 1, VXLAN_INVALID_HDR: 1 });
  });
});

describe("the node's own sockets", () => {
  const packetOf = (frame: Uint8Array): Uint8Array => frame.subarray(ethernet.HEADER_LEN);

  test('a process reaches a NodePort through 127.0.0.1 of its own node: OUTPUT rewrites, the source becomes flannel.1', () => {
    const w = world(node1(), rules('10.244.2.5'));
    const syn = tcpFrame({ srcMac: N1, dstMac: N1, src: '127.0.0.1', dst: '127.0.0.1', sport: 40_001, dport: 30_080, flags: 'S' });
    expect(w.fromSocket(packetOf(syn))).toEqual([]); // 127/8 leaves by no interface, unless kube-proxy has seen to it
    w.plane.sysctls.set('net.ipv4.conf.all.route_localnet', 1);
    w.fromSocket(packetOf(syn));
    expect(inner(w.last[0]!.bytes)).toBe(`${VTEP1}>${VTEP2} tcp 10.244.1.0:40001>10.244.2.5:8080 S ttl 64`);
  });

  test('what is for the node goes to its sockets; what its sockets say to the node itself comes back by lo', () => {
    const w = world(node1());
    const ping = { srcMac: UP, dstMac: N1, src: '203.0.113.9', dst: '192.168.56.11' };
    expect(w.send('eth0', icmpFrame({ ...ping, type: 8 }))).toEqual(['tun0: icmp 203.0.113.9>192.168.56.11 type 8 code 0 id 1 ttl 64']);
    const self = icmpFrame({ ...ping, src: '192.168.56.11', type: 8 });
    expect(w.fromSocket(packetOf(self))).toEqual(['tun0: icmp 192.168.56.11>192.168.56.11 type 8 code 0 id 1 ttl 64']);
  });
});

describe('pods on one bridge', () => {
  const syn = tcpFrame({ srcMac: POD, dstMac: CNI, src: '10.244.1.5', dst: '10.96.0.80', sport: 40_000, dport: 80, flags: 'S' });

  test('with bridge-nf-call-iptables a DNATed packet keeps its TTL and its sender MAC, and the reply is translated back', () => {
    const w = world(node1(), rules('10.244.1.6'));
    expect(w.send('cni0', syn)).toEqual([`cni0: ${POD}>${POD6} tcp 10.244.1.5:40000>10.244.1.6:8080 S ttl 64`]);
    const answer = tcpFrame({
      srcMac: POD6,
      dstMac: POD,
      src: '10.244.1.6',
      dst: '10.244.1.5',
      sport: 8080,
      dport: 40_000,
      flags: 'SA',
      ack: 1001,
    });
    expect(w.send('cni0', answer)).toEqual([`cni0: ${POD6}>${POD} tcp 10.96.0.80:80>10.244.1.5:40000 SA ttl 64`]);
  });

  describe('a pod that asks its neighbour', () => {
    const ask = (over: { dstMac?: string } = {}) =>
      tcpFrame({ srcMac: POD, dstMac: POD6, src: '10.244.1.5', dst: '10.244.1.6', sport: 1, dport: 2, flags: 'S', ...over });
    const forward = (rule: string) => `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${rule}\nCOMMIT\n`;

    test('by its MAC: bridged as it is, through the rules', () => {
      const w = world(node1(), forward('-A FORWARD -d 10.244.1.6/32 -p tcp -m tcp --dport 3 -j DROP'));
      expect(w.send('cni0', ask())).toEqual([`cni0: ${POD}>${POD6} tcp 10.244.1.5:1>10.244.1.6:2 S ttl 64`]);
      w.load(forward('-A FORWARD -d 10.244.1.6/32 -p tcp -m tcp --dport 2 -j DROP'));
      expect(w.send('cni0', ask())).toEqual([]);
      expect(w.drops()).toEqual({ NETFILTER_DROP: 1 });
    });

    test('by its MAC, with the rules not called: bridged past them', () => {
      const w = world(node1(), forward('-A FORWARD -d 10.244.1.6/32 -j DROP'));
      w.plane.sysctls.set('net.bridge.bridge-nf-call-iptables', 0);
      expect(w.send('cni0', ask())).toEqual([`cni0: ${POD}>${POD6} tcp 10.244.1.5:1>10.244.1.6:2 S ttl 64`]);
    });

    test("by the gateway's MAC: routed back by the node, which takes one off the TTL and tells of the shorter way", () => {
      const w = world(node1());
      expect(w.send('cni0', ask({ dstMac: CNI }))).toContain(`cni0: ${CNI}>${POD6} tcp 10.244.1.5:1>10.244.1.6:2 S ttl 63`);
    });

    test('by its own MAC: only where its port is in hairpin mode', () => {
      const own = ask({ dstMac: POD });
      const off = world(node1());
      expect(off.send('cni0', own)).toEqual([]);
      expect(off.drops()).toEqual({ BRIDGE_HAIRPIN: 1 });
      expect(world(node1({ hairpin: true })).send('cni0', own)).toEqual([`cni0: ${POD}>${POD} tcp 10.244.1.5:1>10.244.1.6:2 S ttl 64`]);
    });

    test('learns its MAC from the router, which answers in its name', () => {
      const w = world(node1());
      w.send('cni0', arpFrame({ op: 'request', sha: POD, spa: '10.244.1.5', tpa: '10.244.1.6' }));
      expect(w.last.map(sent => tell(sent.bytes))).toEqual([`${POD6}>${POD} arp 10.244.1.6 is-at ${POD6} to 10.244.1.5`]);
      const unknown = '10.244.1.7';
      const mac = '02:00:00:00:01:07';
      w.send('cni0', arpFrame({ op: 'request', sha: POD, spa: '10.244.1.5', tpa: unknown }));
      w.send('cni0', arpFrame({ op: 'reply', sha: mac, spa: unknown, tha: CNI, tpa: '10.244.1.1' }));
      expect(w.last.map(sent => tell(sent.bytes))).toEqual([`${mac}>${POD} arp ${unknown} is-at ${mac} to 10.244.1.5`]);
    });
  });

  describe('that are given a destination whose MAC nobody knows', () => {
    const GONE = '10.244.1.9';
    const gone = (w: World) => w.send('cni0', arpFrame({ op: 'reply', sha: MAC, spa: GONE, tha: CNI, tpa: '10.244.1.1' }));
    const MAC = '02:00:00:00:01:09';
    const asked = `cni0: ${CNI}>ff:ff:ff:ff:ff:ff arp who-has ${GONE} tell 10.244.1.1`;
    const forwarding = (): { w: World; forwarded(): number } => {
      const w = world(node1());
      const text = w.install(readRuleSet(forwardRules).ruleSet);
      const chain = () => text.snapshot({ table: 'filter', chain: 'FORWARD' }).tables.get('filter')!.chains.get('FORWARD')!;
      return { w, forwarded: () => chain().rules[0]!.packets };
    };
    /** As `conntrack -L` shows them: what is not confirmed is none. */
    const listed = (w: World): string[] => run(w.conntrack, ['-L']).stdout.split('\n').filter(Boolean);
    const forwardRules = `${rules(GONE)}*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -j ACCEPT\nCOMMIT\n`;

    test('wait in front of FORWARD; when nobody answers no rule has seen them, no connection is left, and they are told', () => {
      const { w, forwarded } = forwarding();
      expect(w.send('cni0', syn)).toEqual([asked]);
      expect([listed(w), forwarded()]).toEqual([[], 0]);
      expect(w.advance(1000)).toEqual([asked]);
      expect(w.advance(1000)).toEqual([asked]);
      expect(w.advance(1000)).toEqual([
        `cni0: ${CNI}>${POD} icmp 10.96.0.80>10.244.1.5 type 3 code 1 ttl 64 tos 0xc0 [tcp 10.244.1.5:40000>10.96.0.80:80 S ttl 64]`,
      ]);
      expect([w.connections(), forwarded(), w.drops()]).toEqual([0, 0, { NEIGH_FAILED: 1 }]);
    });

    test('go on through the rules when the answer comes, with their TTL and their sender’s MAC', () => {
      const { w, forwarded } = forwarding();
      w.send('cni0', syn);
      expect(gone(w)).toEqual([`cni0: ${POD}>${MAC} tcp 10.244.1.5:40000>${GONE}:8080 S ttl 64`]);
      expect([listed(w).length, forwarded()]).toEqual([1, 1]);
    });

    test('belong to their connection although it is deleted meanwhile, and nobody else gets its place', () => {
      const { w } = forwarding();
      w.send('cni0', syn);
      gone(w);
      w.plane.neighbours.forget(w.plane.byName('cni0')!.id, parseIpv4(GONE));
      w.send('cni0', tcpFrame({ srcMac: POD, dstMac: CNI, src: '10.244.1.5', dst: '10.96.0.80', sport: 40_000, dport: 80, flags: 'S' }));
      run(w.conntrack, ['-F']);
      const other = { srcMac: POD, dstMac: POD6, src: '10.244.1.5', dst: '10.244.1.6', dport: 9 };
      for (let sport = 1; sport < 9; sport++) w.send('cni0', udpFrame({ ...other, sport }));
      expect(gone(w)).toEqual([`cni0: ${POD}>${MAC} tcp 10.244.1.5:40000>${GONE}:8080 S ttl 64`]);
      expect(listed(w)).toHaveLength(8);
      run(w.conntrack, ['-F']);
      expect(w.connections()).toBe(0);
    });
  });

  test('without it the packet is routed: one off the TTL, the bridge as sender; no redirect, for its destination was translated', () => {
    const w = world(node1({ nfCall: false }), rules('10.244.1.6'));
    const routed = `cni0: ${CNI}>${POD6} tcp 10.244.1.5:40000>10.244.1.6:8080 S ttl 63`;
    expect(w.send('cni0', syn)).toEqual([routed]);
  });

  test('a pod that reaches itself needs hairpin mode on its port', () => {
    const off = world(node1(), rules('10.244.1.5'));
    expect(off.send('cni0', syn)).toEqual([]);
    expect(off.drops()).toEqual({ BRIDGE_HAIRPIN: 1 });
    expect(off.connections()).toBe(0);
    const on = world(node1({ hairpin: true }), rules('10.244.1.5'));
    expect(on.send('cni0', syn)).toEqual([`cni0: ${POD}>${POD} tcp 10.244.1.1:40000>10.244.1.5:8080 S ttl 64`]);
  });
});

describe('rules in force', () => {
  const frame = (dport: number) => udpFrame({ srcMac: UP, dstMac: N1, src: '203.0.113.9', dst: '10.244.1.5', sport: 7, dport });
  const filter = (line: string) => `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${line}\nCOMMIT\n`;

  test('a refused packet is answered as REJECT says, and its connection is forgotten', () => {
    const w = world(node1(), filter('-A FORWARD -p udp -m udp --dport 9 -j REJECT --reject-with icmp-port-unreachable'));
    expect(w.send('eth0', frame(9))).toEqual([
      `eth0: ${N1}>${UP} icmp 192.168.56.11>203.0.113.9 type 3 code 3 ttl 64 tos 0xc0 [udp 203.0.113.9:7>10.244.1.5:9 ttl 63]`,
    ]);
    expect(w.connections()).toBe(0);
  });

  test('a new set of rules works from the next packet on; connections stay', () => {
    const w = world(node1(), filter('-A FORWARD -m conntrack --ctstate NEW -j ACCEPT'));
    expect(w.send('eth0', frame(10))).toHaveLength(1);
    w.load(filter('-A FORWARD -m conntrack --ctstate NEW -j DROP'));
    expect(w.send('eth0', frame(11))).toEqual([]);
    expect(w.drops()).toEqual({ NETFILTER_DROP: 1 });
    expect(w.connections()).toBe(1);
  });
});

describe('a list of addresses seen lately', () => {
  test("a tunnel's packet around what was forwarded is no socket's: its TTL is one more, as Linux has it", () => {
    const outer = '-A OUTPUT -p udp -m udp --dport 8472 -m recent --name outer --rdest';
    const w = world(node1(), `*mangle\n${outer} --rcheck --rttl -j DROP\n${outer} --set\nCOMMIT\n`);
    const ping = (src: string, srcMac: string) => icmpFrame({ srcMac, dstMac: CNI, src, dst: '10.244.2.5', type: 8 });
    const passes = [
      w.fromSocket(ping('10.244.1.0', CNI).subarray(ethernet.HEADER_LEN)),
      w.send('cni0', ping('10.244.1.5', POD)),
      w.send('cni0', ping('10.244.1.5', POD)),
    ];
    expect(passes.map(lines => lines.length)).toEqual([1, 1, 0]);
  });
});

describe('errors about translated packets', () => {
  const rule = '-A PREROUTING -d 192.168.56.11/32 -p udp -m udp --dport 30080 -j DNAT --to-destination 10.244.1.5:53';
  const nat = `*raw\n:OUTPUT ACCEPT [0:0]\n-A OUTPUT -d 203.0.113.9/32 -j NOTRACK\nCOMMIT\n*nat\n:PREROUTING ACCEPT [0:0]\n${rule}\nCOMMIT\n`;
  const ask = (ttl: number) => udpFrame({ srcMac: UP, dstMac: N1, src: '203.0.113.9', dst: '192.168.56.11', sport: 7, dport: 30_080, ttl });
  const error = `eth0: ${N1}>${UP} icmp 192.168.56.11>203.0.113.9 type 11 code 0 ttl 64 tos 0xc0 [udp 203.0.113.9:7>192.168.56.11:30080 ttl 1]`;

  test('quote what the sender sent and come from where he sent it, for a new flow and an old one; NOTRACK comes too late for them', () => {
    const w = world(node1(), nat);
    expect(w.send('eth0', ask(1))).toEqual([error]);
    expect(w.connections()).toBe(0);
    w.send('eth0', ask(64));
    expect(w.send('eth0', ask(1))).toEqual([error]);
    expect(w.connections()).toBe(1);
  });
});

describe('segments that a sender left to the device', () => {
  test('are cut before they enter a tunnel: sequence numbers run on, PSH stands on the last, sums are right', () => {
    const w = world(node1(), '');
    const data = new Uint8Array(3000).fill(7);
    const frame = tcpFrame({
      srcMac: POD,
      dstMac: CNI,
      src: '10.244.1.5',
      dst: '10.244.2.5',
      sport: 1,
      dport: 2,
      flags: 'PA',
      seq: 100,
      data,
    });
    w.send('cni0', frame, { gsoSize: 1396 });
    expect(w.last.map(f => inner(f.bytes))).toEqual([
      `${VTEP1}>${VTEP2} tcp 10.244.1.5:1>10.244.2.5:2 A ttl 63`,
      `${VTEP1}>${VTEP2} tcp 10.244.1.5:1>10.244.2.5:2 A ttl 63`,
      `${VTEP1}>${VTEP2} tcp 10.244.1.5:1>10.244.2.5:2 PA ttl 63`,
    ]);
    expect(w.last.map(f => f.bytes.length)).toEqual([1396, 1396, 208].map(n => 14 + 36 + 14 + 40 + n));
  });
});

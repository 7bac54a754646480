/** rfc/vxlan: the header, and what a node with a VXLAN device makes of a frame. Where Linux differs from the RFC, Linux is the judge. */
import { DropReason } from '../../../src/base/drop-reason.ts';
import * as ethernet from '../../../src/wire/ethernet.ts';
import * as udp from '../../../src/wire/udp.ts';
import * as vxlan from '../../../src/wire/vxlan.ts';
import { text, udpFrame } from '../../router/frames.ts';
import { type World, world } from '../../router/world.ts';
import { KernelVxlanNode } from '../kernel/vxlan-node.ts';
import { onKernel } from '../net/plane.ts';
import { defineSet, expectSame, failed, passed, type Verdict } from '../set.ts';

interface Case {
  readonly id: string;
  readonly topic: 'vxlan-encap' | 'vxlan-header' | 'vxlan-decap';
  readonly vni?: number;
  readonly headerHex?: string;
  readonly value?: number;
  readonly parts?: readonly number[];
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');
const firstFailure = (verdicts: readonly Verdict[]): Verdict => verdicts.find(v => v.kind !== 'passed') ?? passed;

const ETH0 = '02:00:00:00:00:11';
const PEER = '02:00:00:00:00:12';
const CNI = '02:00:00:00:01:01';
const POD = '02:00:00:00:01:05';
const VTEP = '02:00:00:00:f1:01';
const PEER_VTEP = '02:00:00:00:f1:02';
/** A node whose VTEP is in the neighbour table and in no forwarding entry. */
const THIRD = '02:00:00:00:00:13';
const THIRD_VTEP = '02:00:00:00:f1:03';

interface Unknown {
  readonly learning?: boolean;
  readonly remotes?: string[];
}
type Node = Pick<World, 'send' | 'last'> | KernelVxlanNode;

/** A node with a pod behind cni0 and a peer node behind a VXLAN device of this network identifier. */
const node = (vni: number, unknown: Unknown = {}): Node => (onKernel() ? kernelNode(vni, unknown) : routerNode(vni, unknown));

const kernelNode = (vni: number, { learning = false, remotes = [] }: Unknown): KernelVxlanNode =>
  new KernelVxlanNode({
    interfaces: [
      { name: 'eth0', mac: ETH0, addresses: ['192.168.56.11/24'], segment: 'nodes' },
      { name: 'cni0', mac: CNI, mtu: 1450, addresses: ['10.244.1.1/24'], segment: 'pods' },
    ],
    device: `flannel.1 address ${VTEP} type vxlan id ${vni} dstport ${vxlan.IANA_PORT} local 192.168.56.11 dev eth0 noudpcsum ${learning ? '' : 'no'}learning`,
    ip: [
      'address add 10.244.1.0/32 dev flannel.1',
      'link set dev flannel.1 up',
      ...[2, 3].map(n => `route add 10.244.${n}.0/24 via 10.244.${n}.0 dev flannel.1 onlink`),
      `neigh add 10.244.2.0 lladdr ${PEER_VTEP} nud permanent dev flannel.1`,
      `neigh add 10.244.3.0 lladdr ${THIRD_VTEP} nud permanent dev flannel.1`,
      `neigh add 192.168.56.12 lladdr ${PEER} nud permanent dev eth0`,
      `neigh add 192.168.56.13 lladdr ${THIRD} nud permanent dev eth0`,
      `neigh add 10.244.1.5 lladdr ${POD} nud permanent dev cni0`,
    ],
    bridge: [
      `fdb append ${PEER_VTEP} dev flannel.1 dst 192.168.56.12`,
      ...remotes.map(remote => `fdb append 00:00:00:00:00:00 dev flannel.1 dst ${remote}`),
    ],
  });

const routerNode = (vni: number, unknown: Unknown): World =>
  world({
    ports: [
      { name: 'eth0', kind: 'packet', mac: ETH0, addresses: ['192.168.56.11/24'] },
      { name: 'cni0', kind: 'packet', mac: CNI, mtu: 1450, addresses: ['10.244.1.1/24'] },
    ],
    vxlan: [
      {
        name: 'flannel.1',
        vni,
        port: vxlan.IANA_PORT,
        local: '192.168.56.11',
        mac: VTEP,
        addresses: ['10.244.1.0/32'],
        ...unknown,
        peers: [{ subnet: '10.244.2.0/24', vtep: '10.244.2.0', mac: PEER_VTEP, node: '192.168.56.12' }],
      },
    ],
    routes: [{ to: '10.244.3.0/24', via: '10.244.3.0', dev: 'flannel.1' }],
    neighbours: [
      { ip: '192.168.56.12', mac: PEER, dev: 'eth0' },
      { ip: '192.168.56.13', mac: THIRD, dev: 'eth0' },
      { ip: '10.244.3.0', mac: THIRD_VTEP, dev: 'flannel.1' },
      { ip: '10.244.1.5', mac: POD, dev: 'cni0' },
    ],
    sysctl: { 'net.ipv4.ip_forward': 1 },
  });

const L4 = 34;
/** A pod's datagram to the peer's subnet, and what leaves eth0 for it. */
function sent(w: Node, sport: number, data = 'hello'): { frame: Uint8Array; outer: Uint8Array } {
  const frame = udpFrame({ srcMac: POD, dstMac: CNI, src: '10.244.1.5', dst: '10.244.2.7', sport, dport: 9, data: text(data) });
  w.send('cni0', frame);
  const out = w.last.find(f => f.port === 'eth0');
  if (!out) throw new Error('nothing left eth0');
  return { frame, outer: out.bytes };
}

/** A frame of another node's with a datagram for a pod in it. */
function tunnelled(outer: { src: string; srcMac: string }, inner: { srcMac: string; src: string; dst: string }): Uint8Array {
  const frame = udpFrame({ dstMac: VTEP, sport: 9, dport: 9, ...inner });
  const data = new Uint8Array(vxlan.HEADER_LEN + frame.length);
  data.set(frame, vxlan.encode({ vni: 1 }, data));
  return udpFrame({ dstMac: ETH0, dst: '192.168.56.11', sport: 50_000, dport: vxlan.IANA_PORT, data, ...outer });
}

/** Is a frame with this VXLAN header handed to the pod? */
function received(vni: number, header: string, checksum: 'none' | 'right' | 'wrong' = 'none'): boolean {
  const w = node(vni);
  const inner = udpFrame({ srcMac: PEER_VTEP, dstMac: VTEP, src: '10.244.2.7', dst: '10.244.1.5', sport: 9, dport: 7 });
  const data = new Uint8Array(vxlan.HEADER_LEN + inner.length);
  data.set(bytes(header));
  data.set(inner, vxlan.HEADER_LEN);
  const ends = { srcMac: PEER, dstMac: ETH0, src: '192.168.56.12', dst: '192.168.56.11', sport: 50_000, dport: vxlan.IANA_PORT };
  const frame = udpFrame({ ...ends, data, noChecksum: checksum === 'none' });
  if (checksum === 'wrong') udp.setChecksum(frame, L4, udp.checksum(frame, L4) ^ 1);
  w.send('eth0', frame);
  return w.last.some(f => f.port === 'cni0');
}

function headerCase(c: Case): Verdict {
  const image = bytes(c.headerHex!);
  const written = new Uint8Array(vxlan.HEADER_LEN).fill(0xa5);
  vxlan.encode({ vni: c.vni! }, written);
  const { outer } = sent(node(c.vni!), 1000);
  return firstFailure([
    expectSame('written', c.headerHex, hex(written)),
    expectSame('read', [DropReason.None, c.vni], [vxlan.check(image, 0, 8), vxlan.vni(image, 0)]),
    expectSame('sent by a node', c.headerHex, hex(outer.subarray(L4 + udp.HEADER_LEN, L4 + udp.HEADER_LEN + vxlan.HEADER_LEN))),
    expectSame('received by a node', true, received(c.vni!, c.headerHex!)),
  ]);
}

const facts: Record<string, (c: Case) => Verdict> = {
  'udp-port': c =>
    firstFailure([
      expectSame('constant', c.value, vxlan.IANA_PORT),
      expectSame('on the wire', c.value, udp.dstPort(sent(node(1), 1000).outer, L4)),
      expectSame('that of Linux', 8472, vxlan.LINUX_PORT),
    ]),
  'overhead-ipv4': c => {
    const { frame, outer } = sent(node(1), 1000);
    return firstFailure([
      expectSame('constant', c.value, vxlan.OVERHEAD),
      expectSame('parts', c.parts, [20, udp.HEADER_LEN, vxlan.HEADER_LEN, ethernet.HEADER_LEN]),
      expectSame('on the wire', c.value, outer.length - frame.length),
    ]);
  },
  'source-port': () => {
    const w = node(1);
    const ports = Array.from({ length: 200 }, (_, i) => udp.srcPort(sent(w, 1000 + i).outer, L4));
    const again = Array.from({ length: 200 }, (_, i) => udp.srcPort(sent(w, 1000 + i, 'another payload').outer, L4));
    return firstFailure([
      expectSame('one port for each flow', ports, again),
      new Set(ports).size > 150 ? passed : failed(`200 flows use ${new Set(ports).size} ports`),
      // Linux draws from its local port range, which reaches below 49152.
      ports.every(p => p >= 32_768) ? passed : failed(`ports from ${Math.min(...ports)}`),
    ]);
  },
  'flags-i': () =>
    firstFailure([
      expectSame('received with I alone', true, received(42, '0800000000002a00')),
      expectSame('received without I', false, received(42, '0000000000002a00')),
      expectSame('flags sent', 0x08, sent(node(42), 1000).outer[L4 + udp.HEADER_LEN]),
    ]),
  'bad-flag': c => expectSame('received', false, received(42, c.headerHex!)),
  // Linux drops it, and so do we: tried with a vxlan device of a 6.18 kernel.
  'other-flags-set': c => expectSame('received', false, received(42, c.headerHex!)),
  'udp-checksum-zero': () =>
    firstFailure([
      expectSame('sent', 0, udp.checksum(sent(node(1), 1000).outer, L4)),
      expectSame('0 is accepted', true, received(1, '0800000000000100')),
      expectSame('a right one is accepted', true, received(1, '0800000000000100', 'right')),
      expectSame('a wrong one is accepted', false, received(1, '0800000000000100', 'wrong')),
    ]),
  learning: () => {
    const w = node(1, { learning: true, remotes: ['192.168.56.12', '192.168.56.13'] });
    const from = { srcMac: POD, dstMac: CNI, src: '10.244.1.5', dst: '10.244.3.7', sport: 9, dport: 9 };
    const goesTo = (of = w) => {
      of.send('cni0', udpFrame(from));
      return of.last.filter(f => f.port === 'eth0').map(f => f.bytes.subarray(30, 34).join('.'));
    };
    const hear = (innerMac: string, outerSrc: string, outerMac: string) => {
      w.send('eth0', tunnelled({ src: outerSrc, srcMac: outerMac }, { srcMac: innerMac, src: '10.244.3.7', dst: '10.244.1.5' }));
      return w.last.some(f => f.port === 'cni0');
    };
    return firstFailure([
      expectSame('nobody knows it', ['192.168.56.12', '192.168.56.13'], goesTo().toSorted()),
      expectSame('its frame arrives', true, hear(THIRD_VTEP, '192.168.56.13', THIRD)),
      expectSame('and it is known', ['192.168.56.13'], goesTo()),
      expectSame('it has moved', true, hear(THIRD_VTEP, '192.168.56.12', PEER)),
      expectSame('and is found there', ['192.168.56.12'], goesTo()),
      expectSame('a permanent entry does not move', false, hear(PEER_VTEP, '192.168.56.13', THIRD)),
      ...(w instanceof KernelVxlanNode ? agedByKernel(w) : aged(w as World, goesTo)),
      expectSame('without learning nothing is sent', [], goesTo(node(1))),
    ]);
  },
};

const aged = (w: World, goesTo: () => string[]): Verdict[] => {
  const named = expectSame('and the reason has a name', 1, w.drops().VXLAN_ENTRY_EXISTS);
  w.advance(300_001);
  return [named, expectSame('what is not heard for 300 s is forgotten', 2, goesTo().length)];
};
/** Nobody waits for it: the device says how long it would be. */
const agedByKernel = (w: KernelVxlanNode): Verdict[] => [expectSame('ageing', '300', / ageing (\d+)/.exec(w.details('flannel.1'))?.[1])];

export const rfcVxlan = defineSet<Case>('rfc/vxlan', c => {
  if (c.topic === 'vxlan-header' && c.vni !== undefined) return headerCase(c);
  const fact = facts[c.id];
  return fact ? fact(c) : failed(`no such case here: ${c.id}`);
});

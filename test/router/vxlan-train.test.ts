import { describe, expect, test } from 'vitest';
import { Gso } from '../../src/packet/packet.ts';
import { u16 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as tcp from '../../src/wire/tcp.ts';
import * as udp from '../../src/wire/udp.ts';
import { tcpFrame } from './frames.ts';
import { type World, world } from './world.ts';

const MACS = {
  n1: '02:00:00:00:00:11',
  n2: '02:00:00:00:00:12',
  cni: '02:00:00:00:01:01',
  pod1: '02:00:00:00:01:05',
  pod2: '02:00:00:00:02:05',
};
const VTEPS = { n1: '02:00:00:00:f1:01', n2: '02:00:00:00:f1:02' };
const OUTER = 14 + 20 + 8;
const INNER = 8 + 14;
const MSS = 1398;

/** Node 1 or 2 of two, each with one pod. */
function node(own: 1 | 2, udpSegments: boolean): World {
  const peer = own === 1 ? 2 : 1;
  return world(
    {
      ports: [
        { name: 'eth0', kind: 'packet', mac: MACS[`n${own}`], addresses: [`192.168.56.1${own}/24`] },
        { name: 'cni0', kind: 'tap', interface: 'tap0', mac: MACS.cni, mtu: 1450, addresses: [`10.244.${own}.1/24`] },
      ],
      vxlan: [
        {
          name: 'flannel.1',
          local: `192.168.56.1${own}`,
          mac: VTEPS[`n${own}`],
          addresses: [`10.244.${own}.0/32`],
          peers: [{ subnet: `10.244.${peer}.0/24`, vtep: `10.244.${peer}.0`, mac: VTEPS[`n${peer}`], node: `192.168.56.1${peer}` }],
        },
      ],
      neighbours: [
        { ip: `192.168.56.1${peer}`, mac: MACS[`n${peer}`], dev: 'eth0' },
        { ip: `10.244.${own}.5`, mac: MACS[`pod${own}`], dev: 'cni0' },
      ],
      sysctl: { 'net.ipv4.ip_forward': 1 },
    },
    '',
    { udpSegments },
  );
}

/** From the pod on node 1 to the pod on node 2, unfinished as a pod sends it. */
function segment(length: number, flags = 'PA'): Uint8Array {
  const data = Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const ends = { srcMac: MACS.pod1, dstMac: MACS.cni, src: '10.244.1.5', dst: '10.244.2.5' };
  return tcpFrame({ ...ends, sport: 40_000, dport: 8080, flags, seq: 0xffff_f000, data });
}

/** What stands behind the outer UDP header, piece by piece. */
const pieces = ({ bytes, gsoSize }: World['last'][number]): Uint8Array[] => {
  const payload = bytes.subarray(OUTER);
  const size = gsoSize === 0 ? payload.length : gsoSize;
  return Array.from({ length: Math.ceil(payload.length / size) }, (_, i) => payload.slice(i * size, (i + 1) * size));
};

describe('a segment on its way into a tunnel', () => {
  test.each([2 * MSS, 3 * MSS + 1, 10 * MSS - 3, 65_000])(
    'travels as pieces that are the packets it would have been cut into (%i bytes)',
    length => {
      const [cut, whole] = [node(1, false), node(1, true)];
      cut.send('cni0', segment(length), { gsoSize: MSS });
      whole.send('cni0', segment(length), { gsoSize: MSS });
      expect(whole.last.length).toBe(length < 60_000 ? 1 : 2);
      expect(whole.last.flatMap(pieces)).toEqual(cut.last.map(f => f.bytes.slice(OUTER)));
      expect(cut.last).toHaveLength(Math.ceil(length / MSS));
    },
  );

  test('is one datagram, to be cut into equal parts, with a checksum that the device finishes', () => {
    const w = node(1, true);
    w.send('cni0', segment(5 * MSS), { gsoSize: MSS });
    const [f] = w.last;
    expect(f).toMatchObject({ port: 'eth0', gsoType: Gso.UdpL4, gsoSize: INNER + 40 + MSS, csumStart: 34 });
    expect(ipv4.check(f!.bytes, 14, f!.bytes.length)).toBe(0);
    expect(ipv4.totalLength(f!.bytes, 14)).toBe(f!.bytes.length - 14);
    expect(udp.length(f!.bytes, 34)).toBe(f!.bytes.length - 34);
    const pseudo = checksum.pseudoHeader(ipv4.src(f!.bytes, 14), ipv4.dst(f!.bytes, 14), ipv4.Protocol.Udp, f!.bytes.length - 34);
    expect(udp.checksum(f!.bytes, 34)).toBe(checksum.fold(pseudo));
  });

  test('its last piece, when it is alone, is a datagram like any other', () => {
    const w = node(1, true);
    w.send('cni0', segment(44 * MSS + 1), { gsoSize: MSS });
    expect(w.last.map(f => f.gsoType)).toEqual([Gso.UdpL4, Gso.None]);
    expect(udp.checksum(w.last[1]!.bytes, 34)).toBe(0);
  });

  test('keeps FIN, PSH and CWR where they belong', () => {
    const w = node(1, true);
    const frame = segment(3 * MSS, 'FPA');
    tcp.setFlags(frame, 34, tcp.flags(frame, 34) | tcp.Flag.Cwr);
    w.send('cni0', frame, { gsoSize: MSS });
    const flags = pieces(w.last[0]!).map(piece => tcp.flags(piece, INNER + 20));
    const { Ack, Fin, Psh, Cwr } = tcp.Flag;
    expect(flags).toEqual([Ack | Cwr, Ack, Ack | Fin | Psh]);
  });

  test('leaves no slot of the arena behind', () => {
    const w = node(1, true);
    const free = w.plane.arena.free;
    for (let i = 0; i < 200; i++) w.send('cni0', segment(65_000), { gsoSize: MSS });
    expect(w.plane.arena.free).toBe(free);
    expect(w.drops()).toEqual({});
  });
});

describe('a frame whose sum inside is unfinished', () => {
  test('goes on unfinished, as a kernel on the same machine sends it', () => {
    const cut = node(1, false);
    cut.send('cni0', segment(100));
    const { bytes } = cut.last[0]!;
    const l4 = OUTER + INNER + 20;
    const pseudo = checksum.pseudoHeader(ipv4.src(bytes, l4 - 20), ipv4.dst(bytes, l4 - 20), ipv4.Protocol.Tcp, bytes.length - l4);
    tcp.setChecksum(bytes, l4, checksum.fold(pseudo));
    const w = node(2, true);
    w.send('eth0', bytes, { gsoSize: 0, csumStart: l4 });
    expect(w.last).toMatchObject([{ port: 'cni0', csumStart: 34 }]);
    expect(tcp.checksum(w.last[0]!.bytes, 34)).toBe(checksum.fold(pseudo));
    expect(w.drops()).toEqual({});
  });
});

describe('a datagram of many pieces on its way out of a tunnel', () => {
  const sent = (length: number, flags?: string): World['last'][number] => {
    const w = node(1, true);
    w.send('cni0', segment(length, flags), { gsoSize: MSS });
    return w.last[0]!;
  };
  const arrive = (f: World['last'][number], change: (b: Uint8Array) => void = () => {}): World => {
    const w = node(2, true);
    change(f.bytes);
    w.send('eth0', f.bytes, f);
    return w;
  };

  test.each([2 * MSS, 7 * MSS - 9])('is the segment again that went in (%i bytes)', length => {
    const w = arrive(sent(length));
    expect(w.last).toHaveLength(1);
    const [f] = w.last;
    expect(f).toMatchObject({ port: 'cni0', gsoType: Gso.Tcp4, gsoSize: MSS, csumStart: 34 });
    const was = segment(length);
    expect(f!.bytes.subarray(54)).toEqual(was.subarray(54));
    expect(f!.bytes.subarray(34, 50)).toEqual(was.subarray(34, 50));
    expect(ipv4.check(f!.bytes, 14, f!.bytes.length)).toBe(0);
    expect(ipv4.totalLength(f!.bytes, 14)).toBe(was.length - 14);
    const pseudo = checksum.pseudoHeader(ipv4.src(was, 14), ipv4.dst(was, 14), ipv4.Protocol.Tcp, was.length - 34);
    expect(tcp.checksum(f!.bytes, 34)).toBe(checksum.fold(pseudo));
  });

  const STRIDE = INNER + 40 + MSS;
  /** Changes one byte: bits are turned, or set. */
  const turn = (offset: number, bits: number) => (b: Uint8Array) => {
    b[offset]! ^= bits;
  };
  const at = (piece: number, l4: number) => OUTER + piece * STRIDE + INNER + 20 + l4;
  test.each([
    ['a sequence number that leaves a gap', turn(at(2, 7), 1)],
    ['another port', turn(at(1, 1), 1)],
    ['another acknowledgement', turn(at(1, 11), 1)],
    ['another window', turn(at(3, 15), 1)],
    ['PSH in the middle', turn(at(1, 13), tcp.Flag.Psh)],
    ['another VNI', turn(OUTER + STRIDE + 6, 1)],
    ['another MAC', turn(OUTER + STRIDE + 8 + 11, 1)],
  ])('goes piece by piece when one has %s', (_, change) => {
    const w = arrive(sent(4 * MSS), change);
    expect(w.last.every(f => f.gsoType === Gso.None)).toBe(true);
    expect(w.last.length + Object.values(w.drops()).reduce((a, b) => a + b, 0)).toBe(4);
    expect(w.last.length).toBeGreaterThanOrEqual(3);
    for (const f of w.last) expect(u16(f.bytes, 36)).toBe(8080);
  });

  test('a piece that is cut short, or no TCP at all, is told from a segment', () => {
    const asUdp = (b: Uint8Array): void => {
      b[OUTER + INNER + 9] = 17;
    };
    expect(arrive(sent(4 * MSS), asUdp).last.length).toBeLessThan(4);
    const f = sent(4 * MSS);
    f.gsoSize = 10;
    expect(arrive(f).last).toEqual([]);
  });

  test('random changes end in packets or in counted drops, and leave no slot behind', () => {
    let seed = 1;
    const next = (n: number) => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
      return seed % n;
    };
    const whole = sent(5 * MSS);
    const w = node(2, true);
    const free = w.plane.arena.free;
    for (let i = 0; i < 500; i++) {
      const f = { ...whole, bytes: whole.bytes.slice() };
      for (let k = 0; k < 3; k++) f.bytes[OUTER + next(f.bytes.length - OUTER)] = next(256);
      f.gsoSize = next(4) === 0 ? 1 + next(3000) : f.gsoSize;
      w.send('eth0', f.bytes, f);
      expect(w.plane.arena.free).toBe(free);
      for (const out of w.last) expect(ipv4.check(out.bytes, 14, out.bytes.length)).toBe(0);
    }
  });
});

import { describe, expect, test } from 'vitest';
import { Gso } from '../../src/packet/packet.ts';
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
function node(own: 1 | 2, udpSegments: boolean, frameSize?: number): World {
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
    { udpSegments, ...(frameSize === undefined ? {} : { frameSize, slots: 32 }) },
  );
}

/** From the pod on node 1 to the pod on node 2, unfinished as a pod sends it. */
function segment(length: number, flags = 'PA', { behind = 0, sport = 40_000, tos = 0 } = {}): Uint8Array {
  const data = Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) + behind) & 0xff);
  const ends = { srcMac: MACS.pod1, dstMac: MACS.cni, src: '10.244.1.5', dst: '10.244.2.5', id: 1 + Math.floor(behind / MSS) };
  return tcpFrame({ ...ends, tos, sport, dport: 8080, flags, seq: (0xffff_f000 + behind) >>> 0, data });
}

/** Segments of these lengths, each where the one before ends. */
const stream = (lengths: readonly number[], flags?: string) => {
  let behind = 0;
  return lengths.map(length => {
    const bytes = segment(length, flags, { behind });
    behind += length;
    return { bytes, gsoSize: MSS };
  });
};

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

  test('leaves room for the next ones, as long as its last piece is as long as the others', () => {
    const frames = stream([46 * MSS, 46 * MSS, 3 * MSS, 2 * MSS - 1, 2 * MSS]);
    const [cut, whole] = [node(1, false), node(1, true)];
    cut.sendTogether('cni0', frames);
    whole.sendTogether('cni0', frames);
    expect(whole.last.map(f => pieces(f).length)).toEqual([44, 44, 9, 2]);
    expect(whole.last.flatMap(pieces)).toEqual(cut.last.map(f => f.bytes.slice(OUTER)));
    expect(whole.plane.arena.free).toBe(whole.plane.arena.size);
  });

  test('shares a datagram with those of its connection and its size alone', () => {
    const w = node(1, true);
    const other = { bytes: segment(2 * MSS, 'PA', { sport: 40_001 }), gsoSize: MSS };
    const smaller = { bytes: segment(2000, 'PA', { behind: 4 * MSS }), gsoSize: 1000 };
    const capable = { bytes: segment(2 * MSS, 'PA', { behind: 6 * MSS, tos: 1 }), gsoSize: MSS };
    const [one, two] = stream([2 * MSS, 2 * MSS]);
    w.sendTogether('cni0', [one!, two!, capable, other, smaller]);
    expect(w.last.map(f => pieces(f).length)).toEqual([4, 2, 2, 2]);
    expect(w.last.map(f => ipv4.tos(f.bytes, 14))).toEqual([0, 1, 0, 0]);
  });

  test('is not overtaken by a packet behind it', () => {
    const w = node(1, true);
    const [one, small, two] = stream([2 * MSS, 10, 2 * MSS]);
    w.sendTogether('cni0', [one!, { ...small!, gsoSize: 0 }, two!]);
    expect(w.last.map(f => pieces(f).length)).toEqual([2, 1, 2]);
    const sequence = w.last.map(f => tcp.seq(f.bytes, OUTER + INNER + 20));
    expect(sequence).toEqual([one!, small!, two!].map(f => tcp.seq(f.bytes, 34)));
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
    ['a header whose sum does not hold', turn(at(2, -20 + 5), 1)],
  ])('is as many segments as it takes when one piece has %s', (_, change) => {
    const w = arrive(sent(4 * MSS), change);
    expect(w.last.length).toBeGreaterThanOrEqual(2);
    const f = sent(4 * MSS);
    change(f.bytes);
    expect(cutAgain(w.last)).toEqual(oneByOne(f));
  });

  /** What node 2 sends to its pod when every piece comes in a datagram of its own. */
  function oneByOne(f: World['last'][number]): Uint8Array[] {
    const w = node(2, false);
    return pieces(f).flatMap(piece => {
      const bytes = Uint8Array.from([...f.bytes.subarray(0, OUTER), ...piece]);
      ipv4.setTotalLength(bytes, 14, bytes.length - 14);
      udp.setLength(bytes, 34, bytes.length - 34);
      udp.setChecksum(bytes, 34, 0);
      w.send('eth0', bytes);
      return w.last.map(out => withoutSum(out.bytes));
    });
  }
  /** Frames as a device cuts them. */
  const cutAgain = (frames: World['last']): Uint8Array[] =>
    frames.flatMap(({ bytes, gsoSize }) => {
      const payload = bytes.length - 54;
      const size = gsoSize === 0 ? payload : gsoSize;
      return Array.from({ length: Math.ceil(payload / size) }, (_, i) => {
        const piece = Uint8Array.from([...bytes.subarray(0, 54), ...bytes.subarray(54 + i * size, 54 + Math.min((i + 1) * size, payload))]);
        const last = (i + 1) * size >= payload;
        ipv4.setTotalLength(piece, 14, piece.length - 14);
        ipv4.setIdentification(piece, 14, ipv4.identification(bytes, 14) + i);
        tcp.setSeq(piece, 34, (tcp.seq(bytes, 34) + i * size) >>> 0);
        if (!last) tcp.setFlags(piece, 34, tcp.flags(bytes, 34) & ~(tcp.Flag.Psh | tcp.Flag.Fin));
        return withoutSum(piece);
      });
    });
  /** The sum of a piece that was never on a wire is nobody's business. */
  function withoutSum(frame: Uint8Array): Uint8Array {
    const b = frame.slice();
    tcp.setChecksum(b, 34, 0);
    return b;
  }

  describe('in one batch with others', () => {
    const LENGTHS = [46 * MSS, 46 * MSS, 20 * MSS, 46 * MSS - 7];
    const datagrams = (flags?: string) => {
      const w = node(1, true);
      w.sendTogether('cni0', stream(LENGTHS, flags));
      return w.last;
    };
    const roomy = () => node(2, true, 140_000);

    test('gives the segments that went in, which PSH ends', () => {
      const frames = datagrams();
      expect(frames.map(f => pieces(f).length)).toEqual([44, 44, 44, 26]);
      const w = roomy();
      w.sendTogether('eth0', frames);
      expect(w.last.map(f => f.bytes.subarray(54))).toEqual(stream(LENGTHS).map(f => f.bytes.subarray(54)));
      expect(w.last.map(f => f.bytes.subarray(34, 50))).toEqual(stream(LENGTHS).map(f => f.bytes.subarray(34, 50)));
      for (const f of w.last) {
        expect(f).toMatchObject({ port: 'cni0', gsoType: Gso.Tcp4, gsoSize: MSS, csumStart: 34 });
        expect(ipv4.check(f.bytes, 14, f.bytes.length)).toBe(0);
        const pseudo = checksum.pseudoHeader(ipv4.src(f.bytes, 14), ipv4.dst(f.bytes, 14), ipv4.Protocol.Tcp, f.bytes.length - 34);
        expect(tcp.checksum(f.bytes, 34)).toBe(checksum.fold(pseudo));
      }
      expect(w.drops()).toEqual({});
    });
    test('gives the same bytes where there is no room behind a segment, or when they come one at a time', () => {
      for (const flags of ['PA', 'A']) {
        const frames = datagrams(flags);
        const expected = frames.flatMap(oneByOne);
        const [tight, single] = [node(2, true), roomy()];
        tight.sendTogether('eth0', frames);
        expect(cutAgain(tight.last)).toEqual(expected);
        const one = frames.flatMap(f => {
          single.send('eth0', f.bytes, f);
          return single.last;
        });
        expect(cutAgain(one)).toEqual(expected);
        const together = roomy();
        together.sendTogether('eth0', frames);
        expect(cutAgain(together.last)).toEqual(expected);
      }
    });
    test.each([
      ['PSH ends the first one', [20 * MSS, 20 * MSS], 'PA', 40_000],
      ['the first one ends with less than a whole piece', [20 * MSS - 5, 20 * MSS], 'A', 40_000],
      ['the second one is of another connection', [20 * MSS, 20 * MSS], 'A', 40_007],
      ['both are more than a packet can be', [40 * MSS, 20 * MSS], 'A', 40_000],
    ])('does not join two when %s', (_, [first, second], flags, sport) => {
      const frames = [segment(first!, flags), segment(second!, flags, { behind: first!, sport })].map(bytes => {
        const w = node(1, true);
        w.send('cni0', bytes, { gsoSize: MSS });
        return w.last[0]!;
      });
      const w = roomy();
      w.sendTogether('eth0', frames);
      expect(w.last.map(f => f.bytes.length - 54)).toEqual([first, second]);
      expect(cutAgain(w.last)).toEqual(frames.flatMap(oneByOne));
    });
    test('joins two that follow each other', () => {
      const frames = [segment(20 * MSS, 'A'), segment(20 * MSS, 'PA', { behind: 20 * MSS })].map(bytes => {
        const w = node(1, true);
        w.send('cni0', bytes, { gsoSize: MSS });
        return w.last[0]!;
      });
      const w = roomy();
      w.sendTogether('eth0', frames);
      expect(w.last.map(f => f.bytes.length - 54)).toEqual([40 * MSS]);
      expect(cutAgain(w.last)).toEqual(frames.flatMap(oneByOne));
    });
    test('nothing overtakes', () => {
      const [one, two] = datagrams();
      const alone = node(1, true);
      alone.send('cni0', segment(9, 'A', { sport: 40_009 }));
      const other = alone.last[0]!;
      const w = roomy();
      w.sendTogether('eth0', [one!, other, two!]);
      expect(w.last.map(f => [tcp.srcPort(f.bytes, 34), f.bytes.length - 54])).toEqual([
        [40_000, 44 * MSS],
        [40_009, 9],
        [40_000, 2 * MSS],
        [40_000, 42 * MSS],
      ]);
    });
  });

  test('leaves a piece alone whose sum does not hold, when the datagram was on a wire', () => {
    const f = sent(4 * MSS);
    udp.setChecksum(f.bytes, 34, 0);
    f.bytes[at(1, 20 + 700)]! ^= 1;
    const w = node(2, true);
    w.send('eth0', f.bytes, { ...f, csumStart: 0 });
    expect(w.last.map(out => [out.gsoType, out.bytes.length - 54])).toEqual([
      [Gso.None, MSS],
      [Gso.None, MSS],
      [Gso.Tcp4, 2 * MSS],
    ]);
    expect(tcp.checksum(w.last[1]!.bytes, 34)).toBe(tcp.checksum(f.bytes, at(1, 0)));
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

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIpv4, parseIpv4 } from '../../src/base/address.ts';
import { Manip, RangeFlag } from '../../src/conntrack/nat/range.ts';
import { Ips } from '../../src/conntrack/status.ts';
import type { Packet } from '../../src/packet/packet.ts';
import { Hook, Verdict } from '../../src/packet/verdict.ts';
import { setU16, u16 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as udp from '../../src/wire/udp.ts';
import {
  BACKEND,
  CLIENT,
  checksumsHold,
  ends,
  errorAbout,
  icmpPacket,
  NODE,
  POD,
  reverse,
  SERVICE,
  type Tcp,
  tcpPacket,
  type Udp,
  udpPacket,
  world,
} from './packets.ts';

type World = ReturnType<typeof world>;
type Binding = (w: World, p: Packet) => void;
const none: Binding = () => {};
const both = RangeFlag.MapIps | RangeFlag.ProtoSpecified;

const dnat =
  (to: string, port: number): Binding =>
  (w, p) =>
    void w.ct.nat.bind(p.ct, Manip.Dst, both, parseIpv4(to), parseIpv4(to), port, port);
const snat =
  (to: string, flags = 0, low = 0, high = low): Binding =>
  (w, p) =>
    void w.ct.nat.bind(
      p.ct,
      Manip.Src,
      RangeFlag.MapIps | flags | (low ? RangeFlag.ProtoSpecified : 0),
      parseIpv4(to),
      parseIpv4(to),
      low,
      high,
    );

/** PREROUTING and POSTROUTING of a packet, as a router does them. @returns false when it was dropped */
function route(w: World, p: Packet, dst: Binding = none, src: Binding = none): boolean {
  if (w.ct.track(p, Hook.Prerouting) !== Verdict.Accept) return false;
  for (const [hook, manip, rule] of [[Hook.Prerouting, Manip.Dst, dst] as const, [Hook.Postrouting, Manip.Src, src] as const]) {
    if (w.ct.nat.consults(p, hook)) {
      rule(w, p);
      if (!w.ct.nat.initialized(p.ct, manip)) w.ct.nat.bindNull(p.ct, manip);
    }
    if (w.ct.nat.translate(p, hook) !== Verdict.Accept) return false;
  }
  return w.ct.confirm(p) === Verdict.Accept;
}

const flow: Udp & Tcp = { src: POD, sport: 40_000, dst: SERVICE, dport: 53 };

describe('translation', () => {
  for (const [name, make] of [
    ['UDP', udpPacket],
    ['TCP', tcpPacket],
  ] as const) {
    test(`${name}: DNAT and SNAT of a flow, undone for the answer, checksums right`, () => {
      const w = world();
      const out = make({ ...flow, flags: 'S' });
      expect(route(w, out, dnat(BACKEND, 5353), snat(NODE))).toBe(true);
      expect(ends(out)).toBe('192.168.56.11:40000 > 10.244.2.7:5353');
      expect(checksumsHold(out)).toBe(true);
      expect(w.ct.status(out.ct) & Ips.NatMask).toBe(Ips.NatMask);
      const back = make({ src: BACKEND, sport: 5353, dst: NODE, dport: 40_000, flags: 'SA', ack: 1 });
      expect(route(w, back)).toBe(true);
      expect(ends(back)).toBe('10.96.0.10:53 > 10.244.1.5:40000');
      expect(checksumsHold(back)).toBe(true);
    });
  }

  test('leaves a UDP checksum of 0 alone, and never makes one', () => {
    const w = world();
    const p = udpPacket({ ...flow, checksum: 'none' });
    route(w, p, dnat(BACKEND, 5353));
    expect(udp.checksum(p.bytes, p.l4)).toBe(0);
    expect(ends(p)).toBe('10.244.1.5:40000 > 10.244.2.7:5353');
    // A payload for which the sum after translation is 0: it must read 0xffff.
    for (let filler = 0; filler < 0x10000; filler++) {
      const q = udpPacket({ ...flow, length: 2, checksum: 'none' });
      setU16(q.bytes, q.l4 + 8, filler);
      const target = checksum.add(checksum.pseudoHeader(parseIpv4(POD), parseIpv4(BACKEND), 17, 10), q.bytes, q.l4, q.end);
      const wanted = checksum.fold(target - 53 + 5353);
      if (wanted !== 0xffff) continue;
      const sum = checksum.finish(checksum.add(checksum.pseudoHeader(parseIpv4(POD), parseIpv4(SERVICE), 17, 10), q.bytes, q.l4, q.end));
      udp.setChecksum(q.bytes, q.l4, sum);
      const fresh = world();
      expect(route(fresh, q, dnat(BACKEND, 5353))).toBe(true);
      expect(udp.checksum(q.bytes, q.l4)).toBe(0xffff);
      expect(checksumsHold(q)).toBe(true);
      return;
    }
    expect.unreachable('some filler gives the sum');
  });

  test('keeps a partial checksum partial: the device finishes it right', () => {
    for (const make of [udpPacket, tcpPacket]) {
      const w = world();
      const p = make({ ...flow, flags: 'S' });
      const at = p.l4 + (make === udpPacket ? 6 : 16);
      const length = p.end - p.l4;
      const protocol = make === udpPacket ? 17 : 6;
      setU16(p.bytes, at, checksum.fold(checksum.pseudoHeader(parseIpv4(POD), parseIpv4(SERVICE), protocol, length)));
      p.csumStart = p.l4;
      p.csumOffset = at - p.l4;
      expect(route(w, p, dnat(BACKEND, 5353), snat(NODE))).toBe(true);
      expect(u16(p.bytes, at)).toBe(checksum.fold(checksum.pseudoHeader(parseIpv4(NODE), parseIpv4(BACKEND), protocol, length)));
      setU16(p.bytes, at, checksum.of(p.bytes, p.l4, p.end));
      expect(checksumsHold(p)).toBe(true);
    }
  });

  test('of any flow and back gives the answer to the packet that was sent', () => {
    const octet = fc.integer({ min: 1, max: 254 });
    const port = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(
        octet,
        octet,
        octet,
        port,
        port,
        port,
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (a, b, c, sport, dport, to, isTcp, source, destination) => {
          const w = world();
          const make = isTcp ? tcpPacket : udpPacket;
          const from: Udp & Tcp = { src: `10.244.${a}.${b}`, sport, dst: `10.96.1.${c}`, dport };
          const p = make({ ...from, flags: 'S' });
          route(w, p, destination ? dnat(`10.244.7.${c}`, to) : none, source ? snat(`192.168.56.${c}`) : none);
          expect(checksumsHold(p)).toBe(true);
          const at = p.l4;
          const answer = make({
            src: formatIpv4(ipv4.dst(p.bytes, p.l3)),
            sport: udp.dstPort(p.bytes, at),
            dst: formatIpv4(ipv4.src(p.bytes, p.l3)),
            dport: udp.srcPort(p.bytes, at),
            flags: 'SA',
            ack: 1,
          });
          route(w, answer);
          expect(ends(answer)).toBe(`10.96.1.${c}:${dport} > 10.244.${a}.${b}:${sport}`);
          expect(checksumsHold(answer)).toBe(true);
        },
      ),
    );
  });

  test('a pod that reaches itself through a Service is masqueraded and comes back', () => {
    const w = world();
    const p = udpPacket(flow);
    route(w, p, dnat(POD, 53), snat('10.244.1.1'));
    expect(ends(p)).toBe('10.244.1.1:40000 > 10.244.1.5:53');
    const back = udpPacket({ src: POD, sport: 53, dst: '10.244.1.1', dport: 40_000 });
    route(w, back);
    expect(ends(back)).toBe('10.96.0.10:53 > 10.244.1.5:40000');
  });

  test('changes the identifier of a query, and of its answer back', () => {
    const w = world();
    const first = icmpPacket(POD, CLIENT, 8, 0, 0x0007_0001);
    const second = icmpPacket('10.244.1.6', CLIENT, 8, 0, 0x0007_0001);
    route(w, first, none, snat(NODE));
    route(w, second, none, snat(NODE));
    const id = u16(second.bytes, second.l4 + 4);
    expect([u16(first.bytes, first.l4 + 4), id === 7]).toEqual([7, false]);
    const back = icmpPacket(CLIENT, NODE, 0, 0, (id << 16) | 1);
    route(w, back);
    expect(ends(back)).toBe(`${CLIENT} > 10.244.1.6`);
    expect(u16(back.bytes, back.l4 + 4)).toBe(7);
    expect(checksumsHold(back)).toBe(true);
  });
});

describe('translation of ICMP errors', () => {
  test.each([
    ['whole', 100],
    ['eight bytes of transport', 28],
  ])('gives the sender back the packet it sent: %s', (_, quote) => {
    for (const make of [udpPacket, tcpPacket]) {
      const w = world();
      const out = make({ ...flow, flags: 'S' });
      route(w, out, dnat(BACKEND, 5353), snat(NODE));
      const error = errorAbout(out, BACKEND, NODE, 3, 3, quote);
      expect(route(w, error)).toBe(true);
      expect(ends(error)).toBe(`${SERVICE} > ${POD}`);
      expect(ends(error, error.l4 + 8)).toBe(`${POD}:40000 > ${SERVICE}:53`);
      expect(checksumsHold(error)).toBe(true);
    }
  });

  test('from a router on the way comes from the Service too: the outer source is translated with the rest', () => {
    const w = world();
    const out = udpPacket(flow);
    route(w, out, dnat(BACKEND, 5353), snat(NODE));
    const error = errorAbout(out, '192.168.56.1', NODE, 11, 0, 28);
    route(w, error);
    expect(ends(error)).toBe(`${SERVICE} > ${POD}`);
  });

  test('of the node itself about a first packet that it drops is translated too, though the packet leaves no entry', () => {
    const w = world();
    const p = udpPacket(flow);
    w.ct.track(p, Hook.Prerouting);
    dnat(BACKEND, 5353)(w, p);
    w.ct.nat.translate(p, Hook.Prerouting);
    const error = errorAbout(p, NODE, POD);
    w.ct.attach(error, p);
    w.ct.drop(p);
    expect(w.ct.track(error, Hook.Output)).toBe(Verdict.Accept);
    expect(w.ct.nat.translate(error, Hook.Output)).toBe(Verdict.Accept);
    expect(w.ct.nat.translate(error, Hook.Postrouting)).toBe(Verdict.Accept);
    expect(w.ct.confirm(error)).toBe(Verdict.Accept);
    expect(ends(error, error.l4 + 8)).toBe(`${POD}:40000 > ${SERVICE}:53`);
    expect(checksumsHold(error)).toBe(true);
    w.ct.sweep();
    expect(w.ct.size).toBe(0);
  });

  test('is dropped when its checksum is wrong, and a redirect behind NAT always', () => {
    const w = world();
    w.ct.sysctl.set('nf_conntrack_checksum', 0);
    const out = udpPacket(flow);
    route(w, out, dnat(BACKEND, 5353));
    const damaged = errorAbout(out, BACKEND, POD);
    damaged.bytes[damaged.end - 1]! ^= 1;
    expect(route(w, damaged)).toBe(false);
    expect(route(w, errorAbout(out, BACKEND, POD, 5, 1))).toBe(false);
  });
});

describe('choice of ports', () => {
  /** Source port of a flow that is masqueraded where the port it has is taken. */
  function chosen(w: World, sport: number, flags = 0, low = 0, high = low): number {
    const p = udpPacket({ src: `10.244.3.${(w.ct.size % 250) + 1}`, sport, dst: CLIENT, dport: 9 });
    if (!route(w, p, none, snat(NODE, flags, low, high))) return -1;
    return udp.srcPort(p.bytes, p.l4);
  }

  test.each([
    [80, 1, 511],
    [511, 1, 511],
    [512, 600, 1023],
    [1023, 600, 1023],
    [1024, 1024, 65_535],
  ])('keeps port %i where it is free, else takes one of its class, %i to %i', (sport, low, high) => {
    const w = world();
    expect(chosen(w, sport)).toBe(sport);
    const seen = new Set<number>([sport]);
    for (let n = 0; n < 50; n++) {
      const port = chosen(w, sport);
      expect(port).toBeGreaterThanOrEqual(low);
      expect(port).toBeLessThanOrEqual(high);
      seen.add(port);
    }
    expect(seen.size).toBe(51);
  });

  test('keeps a port that is in the range, and uses a small range up before the packet is dropped', () => {
    const w = world();
    expect(chosen(w, 5001, 0, 5000, 5003)).toBe(5001);
    const rest = [1, 2, 3].map(() => chosen(w, 6000, 0, 5000, 5003));
    expect(rest.sort()).toEqual([5000, 5002, 5003]);
    expect(chosen(w, 6000, 0, 5000, 5003)).toBe(-1);
    expect(w.ct.stats.insertFailed).toBe(1);
  });

  test('is random where it is asked for, also when the port is free', () => {
    for (const flag of [RangeFlag.ProtoRandom, RangeFlag.ProtoRandomFully]) {
      const w = world();
      const ports = Array.from({ length: 20 }, () => chosen(w, 40_000, flag));
      expect(new Set(ports).size).toBeGreaterThan(15);
    }
  });

  test('gives a socket the same source again towards another server', () => {
    const w = world();
    const take = (dst: string): string => {
      const p = udpPacket({ src: POD, sport: 700, dst, dport: 9 });
      route(w, p, none, snat(NODE, 0, 30_000, 40_000));
      return ends(p).split(' ')[0]!;
    };
    expect(take('203.0.113.1')).toBe(take('203.0.113.2'));
  });

  test('shifts ports by the base of the range', () => {
    const w = world();
    const p = udpPacket({ ...flow, dport: 1234 });
    const shift: Binding = (v, q) =>
      void v.ct.nat.bind(q.ct, Manip.Dst, both | RangeFlag.ProtoOffset, parseIpv4(BACKEND), parseIpv4(BACKEND), 5000, 6000, 1000);
    route(w, p, shift);
    expect(ends(p)).toBe('10.244.1.5:40000 > 10.244.2.7:5234');
  });

  test('leaves a destination port alone when none was asked for', () => {
    const w = world();
    const p = udpPacket(flow);
    route(w, p, (v, q) => void v.ct.nat.bind(q.ct, Manip.Dst, RangeFlag.MapIps, parseIpv4(BACKEND), parseIpv4(BACKEND), 0, 0));
    expect(ends(p)).toBe('10.244.1.5:40000 > 10.244.2.7:53');
  });

  test('takes the port of a connection in TIME_WAIT whose numbers are behind, when nothing else is free', () => {
    const w = world();
    const send = (t: Tcp): Packet => {
      const p = tcpPacket(t);
      expect(route(w, p, none, snat(NODE, 0, 7000))).toBe(true);
      return p;
    };
    const first: Tcp = { src: '10.244.3.1', sport: 1000, dst: CLIENT, dport: 80 };
    const far: Tcp = { src: CLIENT, sport: 80, dst: NODE, dport: 7000 };
    send({ ...first, flags: 'S', seq: 100 });
    send({ ...far, flags: 'SA', seq: 500, ack: 101 });
    send({ ...first, flags: 'A', seq: 101, ack: 501 });
    send({ ...first, flags: 'FA', seq: 101, ack: 501 });
    send({ ...far, flags: 'FA', seq: 501, ack: 102 });
    send({ ...first, flags: 'A', seq: 102, ack: 502 });
    const next = send({ src: '10.244.3.2', sport: 1000, dst: CLIENT, dport: 80, flags: 'S', seq: 90_000 });
    expect(ends(next)).toBe(`${NODE}:7000 > ${CLIENT}:80`);
    w.ct.sweep();
    expect(w.ct.size).toBe(1);
  });
});

describe('choice of addresses', () => {
  const range =
    (manip: Manip, low: string, high: string, flags = 0): Binding =>
    (w, p) =>
      void w.ct.nat.bind(p.ct, manip, RangeFlag.MapIps | flags, parseIpv4(low), parseIpv4(high), 0, 0);

  // What kernel 6.18 chose with `--to-source 10.2.200.1-10.2.203.250`.
  test.each([
    ['10.1.1.1', '10.2.7.1', '10.2.202.75'],
    ['10.1.1.2', '10.2.7.1', '10.2.202.108'],
    ['10.1.1.1', '10.2.7.2', '10.2.202.15'],
    ['10.1.1.77', '10.2.9.200', '10.2.201.254'],
    ['10.1.200.3', '10.2.0.9', '10.2.203.114'],
  ])('is the one of the kernel for a source: %s to %s becomes %s', (src, dst, becomes) => {
    const w = world();
    const p = udpPacket({ src, dst });
    route(w, p, none, range(Manip.Src, '10.2.200.1', '10.2.203.250'));
    expect(formatIpv4(ipv4.src(p.bytes, p.l3))).toBe(becomes);
  });

  // With `--to-destination 10.2.60.1-10.2.60.250 --persistent`: by the client alone.
  test.each([
    ['10.1.7.7', '10.2.50.3', '10.2.60.158'],
    ['10.1.7.8', '10.2.50.3', '10.2.60.82'],
    ['10.1.7.7', '10.2.50.4', '10.2.60.158'],
  ])('is the one of the kernel for a destination: %s to %s becomes %s', (src, dst, becomes) => {
    const w = world();
    const p = udpPacket({ src, dst });
    route(w, p, range(Manip.Dst, '10.2.60.1', '10.2.60.250', RangeFlag.Persistent));
    expect(formatIpv4(ipv4.dst(p.bytes, p.l3))).toBe(becomes);
  });

  test('stays for a client when the range is persistent, whatever it asks for', () => {
    const of = (dst: string): number => {
      const w = world();
      const p = udpPacket({ src: POD, sport: 1000, dst, dport: 53 });
      route(w, p, none, range(Manip.Src, '192.168.56.1', '192.168.56.250', RangeFlag.Persistent));
      return ipv4.src(p.bytes, p.l3);
    };
    expect(new Set(['203.0.113.1', '203.0.113.2', '203.0.113.3'].map(of)).size).toBe(1);
  });

  test('spreads clients over all of a range', () => {
    const seen = new Set<number>();
    for (let n = 1; n < 200; n++) {
      const w = world();
      const p = udpPacket({ src: `10.244.4.${n}`, dst: SERVICE });
      route(w, p, range(Manip.Dst, '10.244.9.1', '10.244.9.4'));
      seen.add(ipv4.dst(p.bytes, p.l3));
    }
    expect(seen.size).toBe(4);
  });

  test('NETMAP changes the network and keeps the host, of the side that the hook is for', () => {
    const w = world();
    const p = udpPacket(flow);
    route(w, p, (v, q) => void v.ct.nat.netmap(q, Hook.Prerouting, parseIpv4('10.99.5.0'), -256));
    expect(ends(p)).toBe('10.244.1.5:40000 > 10.99.5.10:53');
  });
});

describe('masquerade', () => {
  const masquerade: Binding = (w, p) => {
    p.oif = 3;
    w.ct.nat.masquerade(p.ct, 3, parseIpv4(NODE), 0, 0, 0);
  };

  test('takes the address of the interface, and forgets the flow when the interface loses it', () => {
    const w = world();
    const p = udpPacket(flow);
    route(w, p, none, masquerade);
    expect(ends(p)).toBe(`${NODE}:40000 > ${SERVICE}:53`);
    expect(w.ct.nat.forgetMasquerade(4)).toBe(0);
    expect(w.ct.nat.forgetMasquerade(3, parseIpv4('192.168.56.99'))).toBe(0);
    expect(w.ct.nat.forgetMasquerade(3, parseIpv4(NODE))).toBe(1);
    w.ct.sweep();
    expect(w.ct.size).toBe(0);
  });

  test('ends a flow that leaves by another interface, and lets its answers come in by any', () => {
    const w = world();
    route(w, udpPacket(flow), none, masquerade);
    const back = udpPacket(reverse(flow, { dst: NODE }));
    back.oif = 9;
    expect(route(w, back)).toBe(true);
    const again = udpPacket(flow);
    again.oif = 4;
    expect(route(w, again)).toBe(false);
    w.ct.sweep();
    expect(w.ct.size).toBe(0);
  });

  test('does nothing to a sender without an address', () => {
    const w = world();
    const p = udpPacket({ src: '0.0.0.0', sport: 68, dst: SERVICE, dport: 67 });
    expect(route(w, p, none, masquerade)).toBe(true);
    expect(ends(p)).toBe(`0.0.0.0:68 > ${SERVICE}:67`);
  });
});

import { describe, expect, test } from 'vitest';
import { formatIpv4, parseIpv4 } from '../../src/base/address.ts';
import { Manip, RangeFlag } from '../../src/conntrack/nat/range.ts';
import type { Packet } from '../../src/packet/packet.ts';
import { Hook } from '../../src/packet/verdict.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as udp from '../../src/wire/udp.ts';
import { type Binding, both, flow, none, route, snat, type World } from './nat-rules.ts';
import { BACKEND, CLIENT, ends, NODE, POD, reverse, SERVICE, type Tcp, tcpPacket, udpPacket, world } from './packets.ts';

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

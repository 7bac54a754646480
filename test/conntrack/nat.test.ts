import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIpv4, parseIpv4 } from '../../src/base/address.ts';
import { Ips } from '../../src/conntrack/status.ts';
import { Hook, Verdict } from '../../src/packet/verdict.ts';
import { setU16, u16 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';
import * as udp from '../../src/wire/udp.ts';
import { dnat, flow, none, route, snat } from './nat-rules.ts';
import {
  BACKEND,
  CLIENT,
  checksumsHold,
  ends,
  errorAbout,
  icmpPacket,
  NODE,
  POD,
  SERVICE,
  type Tcp,
  tcpPacket,
  type Udp,
  udpPacket,
  world,
} from './packets.ts';

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

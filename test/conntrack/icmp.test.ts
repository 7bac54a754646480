import { describe, expect, test } from 'vitest';
import { Invalid } from '../../src/conntrack/statistics.ts';
import { CtInfo } from '../../src/packet/packet.ts';
import { Hook } from '../../src/packet/verdict.ts';
import { BACKEND, CLIENT, errorAbout, icmpPacket, NODE, POD, packet, tcpPacket, udpPacket, world } from './packets.ts';

const ECHO = 8;
const REPLY = 0;

describe('conntrack of ICMP', () => {
  test('makes one entry of a query and its answer, by identifier', () => {
    const { ct } = world();
    const q = icmpPacket(POD, BACKEND, ECHO, 0, 0x1234_0001);
    ct.track(q, Hook.Prerouting);
    ct.confirm(q);
    const a = icmpPacket(BACKEND, POD, REPLY, 0, 0x1234_0001);
    ct.track(a, Hook.Prerouting);
    expect([q.ctinfo, a.ctinfo, a.ct]).toEqual([CtInfo.New, CtInfo.EstablishedReply, q.ct]);
    const stranger = icmpPacket(BACKEND, POD, REPLY, 0, 0x9999_0001);
    ct.track(stranger, Hook.Prerouting);
    expect(stranger.ctinfo).toBe(CtInfo.None);
    expect(ct.core.invalid[Invalid.IcmpNew]).toBe(1);
    expect(ct.expiresMs(q.ct)).toBe(30_000);
  });

  test.each([
    [13, 14],
    [15, 16],
    [17, 18],
  ])('pairs query %i with answer %i', (query, answer) => {
    const { ct } = world();
    const q = icmpPacket(POD, BACKEND, query, 0, 0x0001_0001);
    ct.track(q, Hook.Prerouting);
    ct.confirm(q);
    const a = icmpPacket(BACKEND, POD, answer, 0, 0x0001_0001);
    ct.track(a, Hook.Prerouting);
    expect(a.ctinfo).toBe(CtInfo.EstablishedReply);
  });

  test('makes an error RELATED to the flow whose packet it quotes, without touching that flow', () => {
    const { ct, wait } = world();
    const p = udpPacket({ src: POD, dst: BACKEND });
    ct.track(p, Hook.Prerouting);
    ct.confirm(p);
    wait(10_000);
    const error = errorAbout(p, NODE, POD);
    ct.track(error, Hook.Prerouting);
    expect([error.ct, error.ctinfo]).toEqual([p.ct, CtInfo.Related + 3]);
    ct.confirm(error);
    expect(ct.expiresMs(p.ct)).toBe(20_000);
    const onward = errorAbout(udpPacket({ src: BACKEND, sport: 53, dst: POD, dport: 40_000 }), NODE, BACKEND);
    ct.track(onward, Hook.Prerouting);
    expect(onward.ctinfo).toBe(CtInfo.Related);
  });

  test('finds an error invalid that is about nobody, cut off, forged, or of an unknown type', () => {
    const { ct } = world();
    const p = tcpPacket({ src: POD, dst: BACKEND });
    ct.track(p, Hook.Prerouting);
    ct.confirm(p);
    const reasonOf = (e: ReturnType<typeof errorAbout>): number => {
      ct.track(e, Hook.Prerouting);
      expect([e.ct, e.ctinfo]).toEqual([-1, CtInfo.None]);
      return ct.core.lastInvalid;
    };
    expect(reasonOf(errorAbout(udpPacket({ src: POD, dst: BACKEND }), NODE, POD))).toBe(Invalid.IcmpNotRelated);
    expect(reasonOf(errorAbout(p, NODE, POD, 3, 1, 23))).toBe(Invalid.IcmpInnerShort);
    expect(reasonOf(errorAbout(p, NODE, POD, 3, 1, 19))).toBe(Invalid.IcmpInnerShort);
    expect(reasonOf(errorAbout(p, NODE, CLIENT))).toBe(Invalid.IcmpOuterDestination);
    expect(reasonOf(icmpPacket(POD, BACKEND, 40, 0, 0))).toBe(Invalid.IcmpType);
    const damaged = errorAbout(p, NODE, POD);
    damaged.bytes[damaged.end - 1]! ^= 1;
    expect(reasonOf(damaged)).toBe(Invalid.BadChecksum);
    expect(ct.stats.error).toBe(6);
  });

  test('tracks an unknown protocol by its addresses for ten minutes, GRE for 30 s and 180 s once answered', () => {
    const { ct } = world();
    const of = (protocol: number, src: string, dst: string) => {
      const b = icmpPacket(src, dst, ECHO, 0, 0).bytes.slice(128, 128 + 36);
      b[9] = protocol;
      const p = packet(b);
      ct.track(p, Hook.Output);
      ct.confirm(p);
      return p;
    };
    expect(ct.expiresMs(of(50, POD, BACKEND).ct)).toBe(600_000);
    expect(of(50, BACKEND, POD).ctinfo).toBe(CtInfo.EstablishedReply);
    expect(ct.expiresMs(of(47, POD, BACKEND).ct)).toBe(30_000);
    of(47, BACKEND, POD);
    expect(ct.expiresMs(of(47, BACKEND, POD).ct)).toBe(180_000);
  });
});

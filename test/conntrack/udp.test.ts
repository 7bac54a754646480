import { describe, expect, test } from 'vitest';
import { Invalid } from '../../src/conntrack/statistics.ts';
import { Ips } from '../../src/conntrack/status.ts';
import { CtInfo } from '../../src/packet/packet.ts';
import { Hook, Verdict } from '../../src/packet/verdict.ts';
import { reverse, type Udp, udpPacket, world } from './packets.ts';

const flow: Udp = { sport: 40_000, dport: 53 };

function pass(w: ReturnType<typeof world>, u: Udp) {
  const p = udpPacket(u);
  expect(w.ct.track(p, Hook.Prerouting)).toBe(Verdict.Accept);
  expect(w.ct.confirm(p)).toBe(Verdict.Accept);
  return p;
}

describe('conntrack of UDP', () => {
  test('is NEW until the other side answers, ESTABLISHED from then on', () => {
    const w = world();
    expect(pass(w, flow).ctinfo).toBe(CtInfo.New);
    expect(pass(w, flow).ctinfo).toBe(CtInfo.New);
    expect(pass(w, reverse({ ...flow, src: '10.244.1.5', dst: '10.96.0.10' })).ctinfo).toBe(CtInfo.EstablishedReply);
    expect(pass(w, flow).ctinfo).toBe(CtInfo.Established);
    expect(w.ct.size).toBe(1);
  });

  test('confirms an entry at the end, so that a dropped first packet leaves none', () => {
    const w = world();
    const p = udpPacket(flow);
    w.ct.track(p, Hook.Prerouting);
    expect(w.ct.size).toBe(1);
    w.ct.drop(p);
    w.ct.sweep();
    expect(w.ct.size).toBe(0);
    expect(p.ct).toBe(-1);
    expect(pass(w, flow).ctinfo).toBe(CtInfo.New);
  });

  test('forgets an unreplied flow after 30 s, not a millisecond before', () => {
    const w = world();
    pass(w, flow);
    w.wait(29_999);
    expect(w.ct.size).toBe(1);
    w.wait(1);
    expect(w.ct.size).toBe(0);
  });

  test('makes a stream of what goes on for longer than two seconds: 120 s and ASSURED', () => {
    const w = world();
    const full = { ...flow, src: '10.244.1.5', dst: '10.96.0.10' };
    const { ct } = pass(w, full);
    pass(w, reverse(full));
    pass(w, full);
    w.wait(2000);
    pass(w, full);
    expect(w.ct.expiresMs(ct)).toBe(30_000);
    expect(w.ct.status(ct) & Ips.Assured).toBe(0);
    w.wait(1);
    pass(w, full);
    expect(w.ct.expiresMs(ct)).toBe(120_000);
    expect(w.ct.status(ct) & Ips.Assured).toBe(Ips.Assured);
  });

  test('gives a damaged datagram no entry and says why; rules decide about it', () => {
    const w = world();
    const p = udpPacket({ ...flow, checksum: 'wrong' });
    expect(w.ct.track(p, Hook.Prerouting)).toBe(Verdict.Accept);
    expect([p.ct, p.ctinfo]).toEqual([-1, CtInfo.None]);
    expect(w.ct.core.invalid[Invalid.BadChecksum]).toBe(1);
    expect(w.ct.stats.invalid).toBe(1);
    expect(w.ct.size).toBe(0);
  });

  test('believes a checksum that is absent, vouched for, partial, of its own node, or not to be checked', () => {
    const wrong: Udp = { ...flow, checksum: 'wrong' };
    const tries: [string, (w: ReturnType<typeof world>) => [ReturnType<typeof udpPacket>, Hook]][] = [
      ['absent', () => [udpPacket({ ...flow, checksum: 'none' }), Hook.Prerouting]],
      ['vouched for', () => [Object.assign(udpPacket(wrong), { csumValid: true }), Hook.Prerouting]],
      ['partial', () => [Object.assign(udpPacket(wrong), { csumStart: 148 }), Hook.Prerouting]],
      ['of its own node', () => [udpPacket(wrong), Hook.Output]],
      [
        'not to be checked',
        w => {
          w.ct.sysctl.set('nf_conntrack_checksum', 0);
          return [udpPacket(wrong), Hook.Prerouting];
        },
      ],
    ];
    for (const [name, make] of tries) {
      const w = world();
      const [p, hook] = make(w);
      w.ct.track(p, hook);
      expect([name, p.ctinfo]).toEqual([name, CtInfo.New]);
    }
  });

  test('counts a datagram longer than its packet, and a cut-off header, as invalid', () => {
    const w = world();
    const long = udpPacket(flow);
    long.end -= 2;
    w.ct.track(long, Hook.Prerouting);
    const short = udpPacket(flow);
    short.end = short.l4 + 3;
    w.ct.track(short, Hook.Prerouting);
    expect([w.ct.core.invalid[Invalid.Malformed], w.ct.core.invalid[Invalid.ShortPacket]]).toEqual([1, 1]);
  });

  test('leaves a packet alone that has an entry already or is not to be tracked', () => {
    const w = world();
    const p = udpPacket(flow);
    p.untracked = true;
    w.ct.track(p, Hook.Prerouting);
    expect([p.ct, w.ct.size]).toEqual([-1, 0]);
    const q = pass(w, flow);
    w.ct.track(q, Hook.Output);
    expect(q.ctinfo).toBe(CtInfo.New);
    expect(w.ct.size).toBe(1);
  });

  test('keeps zones apart, and finds an answer in the default zone when only the original direction has one', () => {
    const w = world();
    const full = { ...flow, src: '10.244.1.5', dst: '10.96.0.10' };
    const send = (u: Udp, zone: number) => {
      const p = udpPacket(u);
      p.zone = zone;
      w.ct.track(p, Hook.Prerouting);
      const verdict = w.ct.confirm(p);
      return { p, verdict };
    };
    expect(send(full, 0).p.ctinfo).toBe(CtInfo.New);
    expect(send(full, 5 | (3 << 16)).p.ctinfo).toBe(CtInfo.New);
    expect(w.ct.size).toBe(2);
    expect(send(reverse(full), 5 | (3 << 16)).p.ctinfo).toBe(CtInfo.EstablishedReply);
    expect(send(full, 0).p.ctinfo).toBe(CtInfo.New);
    const other = { ...full, sport: 41_000 };
    expect(send(other, 7 | (1 << 16)).p.ctinfo).toBe(CtInfo.New);
    expect(send(reverse(other), 0).p.ctinfo).toBe(CtInfo.EstablishedReply);
  });
});

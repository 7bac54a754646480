import { describe, expect, test } from 'vitest';
import { DropReason } from '../../src/base/drop-reason.ts';
import { Event } from '../../src/conntrack/events.ts';
import { profiles, Sysctl } from '../../src/conntrack/sysctl.ts';
import { CtInfo } from '../../src/packet/packet.ts';
import { Hook, Verdict } from '../../src/packet/verdict.ts';
import { BACKEND, POD, reverse, tcpPacket, type Udp, udpPacket, world } from './packets.ts';

const DAY_MS = 86_400_000;

function sender(w: ReturnType<typeof world>) {
  return (u: Udp = {}) => {
    const p = udpPacket({ src: POD, dst: BACKEND, ...u });
    const verdict = w.ct.track(p, Hook.Prerouting);
    return { p, verdict: verdict === Verdict.Drop ? verdict : w.ct.confirm(p) };
  };
}

describe('expiry', () => {
  test('expires exactly what is due after a jump of any length', () => {
    const w = world();
    const send = sender(w);
    for (let n = 0; n < 50; n++) {
      send({ sport: 1000 + n });
      w.wait(1000);
    }
    // Flow n began at n seconds: at 50 s those of the first 20 seconds are gone, 20 s included.
    expect(w.ct.size).toBe(29);
    const syn = tcpPacket({ src: POD, dst: BACKEND });
    w.ct.track(syn, Hook.Prerouting);
    w.ct.confirm(syn);
    const answer = tcpPacket({ ...reverse({ src: POD, sport: 40_000, dst: BACKEND, dport: 80 }), flags: 'SA', seq: 5, ack: 1 });
    w.ct.track(answer, Hook.Prerouting);
    const ack = tcpPacket({ src: POD, dst: BACKEND, flags: 'A', seq: 1, ack: 6 });
    w.ct.track(ack, Hook.Prerouting);
    w.wait(5 * DAY_MS - 1);
    expect(w.ct.size).toBe(1);
    w.wait(1);
    expect(w.ct.size).toBe(0);
    send();
    w.wait(400 * DAY_MS);
    expect(w.ct.size).toBe(0);
    send();
    w.wait(29_999);
    expect(w.ct.size).toBe(1);
    w.wait(1);
    expect(w.ct.size).toBe(0);
  });

  test('does not find an entry that is due, swept or not', () => {
    const w = world();
    const send = sender(w);
    send();
    w.clock.advance(30_000);
    w.ct.core.tick();
    expect(w.ct.findEntry(0x0af40105, 0x0af40207, (40_000 << 16) | 53, 17)).toBe(-1);
    expect(send().p.ctinfo).toBe(CtInfo.New);
  });

  test('looks at no more entries per sweep than it is told, and goes on where it stopped', () => {
    const w = world();
    const send = sender(w);
    for (let n = 0; n < 100; n++) send({ sport: 1000 + n });
    w.clock.advance(30_000);
    w.ct.core.tick();
    expect(w.ct.sweep(40)).toBe(false);
    expect(w.ct.size).toBe(60);
    expect(w.ct.sweep(40)).toBe(false);
    expect(w.ct.sweep(40)).toBe(true);
    expect(w.ct.size).toBe(0);
  });

  test('does not look at entries while nothing is due, and follows what was refreshed', () => {
    const w = world();
    const send = sender(w);
    const { p } = send();
    w.wait(20_000);
    send();
    w.wait(29_999);
    expect(w.ct.expiresMs(p.ct)).toBe(1);
    w.wait(1);
    expect(w.ct.size).toBe(0);
  });
});

describe('prefetch', () => {
  test('changes nothing, whatever the frames are', () => {
    const w = world({ capacity: 8192 });
    const send = sender(w);
    for (let n = 0; n < 5000; n++) send({ sport: 1000 + n });
    const before = w.ct.core.table.words.slice();
    const frames = [udpPacket({ src: POD, dst: BACKEND, sport: 1001 }), udpPacket({ src: BACKEND, dst: POD }), tcpPacket()];
    frames[1]!.end = frames[1]!.start + 21;
    frames[2]!.bytes[frames[2]!.start] = 0xff;
    expect(Number.isFinite(w.ct.prefetch(frames, 3, 0))).toBe(true);
    expect(w.ct.core.table.words).toEqual(before);
    expect(frames.map(p => p.ct)).toEqual([-1, -1, -1]);
  });
});

describe('a full table', () => {
  test('makes entries that are not assured give way, from the buckets of the new flow', () => {
    const messages: string[] = [];
    const w = world({ capacity: 64, onFull: m => messages.push(m) });
    const send = sender(w);
    for (let n = 0; n < 64; n++) expect(send({ sport: 1000 + n }).verdict).toBe(Verdict.Accept);
    expect(w.ct.size).toBe(64);
    expect(send({ sport: 5000 }).verdict).toBe(Verdict.Accept);
    expect(w.ct.stats.earlyDrop).toBeGreaterThan(0);
    expect(w.ct.size).toBe(65 - w.ct.stats.earlyDrop);
    expect(messages).toEqual([]);
  });

  test('drops the packet when all entries are assured, counts it and says so once', () => {
    const messages: string[] = [];
    const w = world({ capacity: 16, onFull: m => messages.push(m) });
    const send = sender(w);
    for (let n = 0; n < 16; n++) {
      const flow = { src: POD, sport: 1000 + n, dst: BACKEND, dport: 53 };
      send(flow);
      send(reverse(flow));
    }
    w.wait(2001);
    for (let n = 0; n < 16; n++) send({ sport: 1000 + n });
    for (let n = 0; n < 3; n++) {
      const { p, verdict } = send({ sport: 5000 });
      expect([verdict, p.reason, p.ct]).toEqual([Verdict.Drop, DropReason.ConntrackFull, -1]);
    }
    expect(w.ct.stats.drop).toBe(3);
    expect(messages).toEqual(['nf_conntrack: table full, dropping packet']);
  });

  test('keeps to nf_conntrack_max also where there is memory for more', () => {
    const w = world({ capacity: 64 });
    w.ct.sysctl.set('net.netfilter.nf_conntrack_max', 4);
    const send = sender(w);
    for (let n = 0; n < 40; n++) send({ sport: 1000 + n });
    expect(w.ct.size).toBeLessThanOrEqual(4);
  });

  test('makes entries give way where nf_conntrack_max is above the memory there is', () => {
    const w = world({ capacity: 64 });
    w.ct.sysctl.set('net.nf_conntrack_max', 1000);
    const send = sender(w);
    for (let n = 0; n < 200; n++) expect(send({ sport: 1000 + n }).verdict).toBe(Verdict.Accept);
    expect(w.ct.size).toBeLessThanOrEqual(64);
  });

  test('is told again when it was not full for five seconds', () => {
    const messages: string[] = [];
    const w = world({ capacity: 16, onFull: m => messages.push(m) });
    const send = sender(w);
    const fill = (): void => {
      for (let n = 0; n < 16; n++) {
        send({ sport: 1000 + n });
        send(reverse({ src: POD, sport: 1000 + n, dst: BACKEND, dport: 53 }));
      }
      w.wait(2001);
      for (let n = 0; n < 16; n++) send({ sport: 1000 + n });
    };
    fill();
    for (let second = 0; second < 20; second++) {
      send({ sport: 5000 });
      w.wait(1000);
    }
    expect(messages.length).toBe(1);
    w.ct.flush();
    w.wait(5000);
    fill();
    send({ sport: 5000 });
    expect(messages.length).toBe(2);
  });

  test('has room for one entry at least', () => {
    const w = world();
    expect(() => w.ct.sysctl.set('net.netfilter.nf_conntrack_max', 0)).toThrow('must be a whole number from 1');
  });
});

describe('two packets of one flow before the first is confirmed', () => {
  const twice = (
    protocol: 'udp' | 'tcp',
    more: (w: ReturnType<typeof world>, p: ReturnType<typeof udpPacket>, n: number) => void = () => {},
  ) => {
    const w = world();
    const make = () => (protocol === 'udp' ? udpPacket({ src: POD, dst: BACKEND }) : tcpPacket({ src: POD, dst: BACKEND }));
    const [a, b] = [make(), make()];
    for (const [n, p] of [a, b].entries()) {
      w.ct.track(p, Hook.Prerouting);
      more(w, p, n);
    }
    expect(a.ct).not.toBe(b.ct);
    return { w, a, b, verdicts: [w.ct.confirm(a), w.ct.confirm(b)] };
  };

  test('become one entry when they are the same', () => {
    const { w, a, b, verdicts } = twice('udp');
    expect(verdicts).toEqual([Verdict.Accept, Verdict.Accept]);
    expect(b.ct).toBe(a.ct);
    expect([w.ct.size, w.ct.stats.clashResolve, w.ct.stats.insertFailed]).toEqual([1, 1, 0]);
  });

  test('stay two when they were sent to different backends: the second for a second, found by its answer alone', () => {
    const { w, a, b, verdicts } = twice('udp', (v, p, n) => void v.ct.nat.bind(p.ct, 1, 1, 0x0af40301 + n, 0x0af40301 + n, 0, 0));
    expect(verdicts).toEqual([Verdict.Accept, Verdict.Accept]);
    expect(w.ct.expiresMs(b.ct)).toBe(1000);
    const repeat = udpPacket({ src: POD, dst: BACKEND });
    w.ct.track(repeat, Hook.Prerouting);
    expect(repeat.ct).toBe(a.ct);
    const answer = udpPacket({ src: '10.244.3.2', sport: 53, dst: POD, dport: 40_000 });
    w.ct.track(answer, Hook.Prerouting);
    expect([answer.ct, answer.ctinfo]).toEqual([b.ct, CtInfo.EstablishedReply]);
    w.wait(1000);
    expect(w.ct.size).toBe(1);
  });

  test('cost TCP its second packet: dropped and counted', () => {
    const { w, b, verdicts } = twice('tcp');
    expect(verdicts).toEqual([Verdict.Accept, Verdict.Drop]);
    w.ct.sweep();
    expect([b.reason, b.ct, w.ct.size]).toEqual([DropReason.ConntrackClash, -1, 1]);
    expect([w.ct.stats.insertFailed, w.ct.stats.drop]).toEqual([1, 1]);
  });

  test('become one entry when they crossed, each from its own side', () => {
    const w = world();
    const a = udpPacket({ src: POD, dst: BACKEND });
    const b = udpPacket({ src: BACKEND, sport: 53, dst: POD, dport: 40_000 });
    for (const p of [a, b]) {
      w.ct.track(p, Hook.Prerouting);
      w.ct.nat.bindNull(p.ct, 1);
    }
    w.ct.nat.bindNull(a.ct, 0);
    w.ct.confirm(a);
    w.ct.nat.bindNull(b.ct, 0);
    expect(w.ct.replyDstPort(b.ct)).toBe(53);
    expect(w.ct.confirm(b)).toBe(Verdict.Accept);
    expect([b.ct, w.ct.size]).toEqual([a.ct, 1]);
  });
});

describe('sysctls', () => {
  test('are read and written under the names of the kernel', () => {
    const { ct } = world();
    ct.sysctl.set('net.netfilter.nf_conntrack_udp_timeout', 5);
    expect(ct.sysctl.get('net/netfilter/nf_conntrack_udp_timeout')).toBe(5);
    const p = udpPacket();
    ct.track(p, Hook.Prerouting);
    ct.confirm(p);
    expect(ct.expiresMs(p.ct)).toBe(5000);
    expect(ct.sysctl.get('nf_conntrack_count')).toBe(1);
    expect(() => ct.sysctl.set('nf_conntrack_count', 1)).toThrow('read-only');
    expect(() => ct.sysctl.get('nf_conntrack_nonsense')).toThrow('no such sysctl');
    expect(() => ct.sysctl.set('nf_conntrack_udp_timeout', -1)).toThrow('must be a whole number from 0');
  });

  test('have the defaults of the kernel, and those that kube-proxy writes by name', () => {
    const s = new Sysctl();
    const read = (name: string): number => s.get(`nf_conntrack_${name}`);
    expect(
      ['tcp_timeout_established', 'tcp_timeout_close_wait', 'udp_timeout', 'udp_timeout_stream', 'icmp_timeout', 'generic_timeout'].map(
        read,
      ),
    ).toEqual([432_000, 60, 30, 120, 30, 600]);
    expect(['tcp_loose', 'tcp_be_liberal', 'tcp_max_retrans', 'checksum', 'acct', 'timestamp'].map(read)).toEqual([1, 0, 3, 1, 0, 0]);
    s.apply('kube-proxy');
    expect(read('tcp_timeout_established')).toBe(profiles['kube-proxy'].nf_conntrack_tcp_timeout_established);
    expect(read('tcp_timeout_close_wait')).toBe(3600);
    expect(s.names()).toContain('nf_conntrack_tcp_timeout_max_retrans');
    for (const name of s.names()) expect(s.get(name)).toBeGreaterThanOrEqual(0);
  });
});

describe('events', () => {
  test('tell of a flow when it is new, when it changes, and when it ends; an overrun is counted', () => {
    const w = world();
    const ring = w.ct.listen(4);
    const flow = { src: POD, sport: 40_000, dst: BACKEND, dport: 53 };
    const send = sender(w);
    send(flow);
    send(flow);
    send(reverse(flow));
    w.ct.setMark(0, 7);
    send(flow);
    w.wait(30_000);
    const bits = [];
    for (let e = ring.take(); e !== undefined; e = ring.take()) bits.push(e.bits);
    expect(bits).toEqual([Event.New, Event.Reply, Event.Mark, Event.Destroy]);
    for (let n = 0; n < 6; n++) send({ ...flow, sport: 2000 + n });
    expect(ring.lost).toBe(2);
    w.ct.stopListening();
    send({ ...flow, sport: 3000 });
    expect(ring.lost).toBe(2);
  });

  test('say nothing of a flow whose first packet was dropped', () => {
    const w = world();
    const ring = w.ct.listen();
    const p = udpPacket();
    w.ct.track(p, Hook.Prerouting);
    w.ct.drop(p);
    expect(ring.take()).toBeUndefined();
  });
});

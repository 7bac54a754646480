import { describe, expect, test } from 'vitest';
import { Invalid } from '../../src/conntrack/statistics.ts';
import { Ips } from '../../src/conntrack/status.ts';
import { tcpStateNames } from '../../src/conntrack/tcp/states.ts';
import { CtInfo } from '../../src/packet/packet.ts';
import { Hook } from '../../src/packet/verdict.ts';
import { BACKEND, POD, reverse, type Tcp, tcpPacket, world } from './packets.ts';

const client: Tcp = { src: POD, sport: 40_000, dst: BACKEND, dport: 80 };
const server = reverse(client);

function talk() {
  const w = world();
  const send = (from: Tcp, more: Partial<Tcp>) => {
    const p = tcpPacket({ ...from, ...more });
    w.ct.track(p, Hook.Prerouting);
    w.ct.confirm(p);
    const state = p.ct < 0 ? '' : tcpStateNames[w.ct.tcpState(p.ct)]!;
    return { p, state, info: p.ctinfo };
  };
  const open = () => {
    send(client, { flags: 'S', seq: 999, options: [3, 3, 7] });
    send(server, { flags: 'SA', seq: 4999, ack: 1000, options: [3, 3, 7] });
    return send(client, { flags: 'A', seq: 1000, ack: 5000 }).p.ct;
  };
  return { ...w, send, open };
}

describe('conntrack of TCP', () => {
  test('goes through a whole life, each state for its own time', () => {
    const { send, ct } = talk();
    const lives: [Tcp, Partial<Tcp>, string, number][] = [
      [client, { flags: 'S', seq: 999 }, 'SYN_SENT', 120],
      [server, { flags: 'SA', seq: 4999, ack: 1000 }, 'SYN_RECV', 60],
      [client, { flags: 'A', seq: 1000, ack: 5000 }, 'ESTABLISHED', 432_000],
      [client, { flags: 'FA', seq: 1000, ack: 5000 }, 'FIN_WAIT', 120],
      [server, { flags: 'A', seq: 5000, ack: 1001 }, 'CLOSE_WAIT', 60],
      [server, { flags: 'FA', seq: 5000, ack: 1001 }, 'LAST_ACK', 30],
      [client, { flags: 'A', seq: 1001, ack: 5001 }, 'TIME_WAIT', 120],
    ];
    for (const [from, more, state, seconds] of lives) {
      const sent = send(from, more);
      expect([sent.state, ct.expiresMs(sent.p.ct)]).toEqual([state, seconds * 1000]);
    }
    expect(ct.status(0) & Ips.Assured).toBe(Ips.Assured);
  });

  test('skips CLOSE_WAIT when FIN and ACK of the FIN come together', () => {
    const { send, open } = talk();
    open();
    send(client, { flags: 'FA', seq: 1000, ack: 5000 });
    expect(send(server, { flags: 'FA', seq: 5000, ack: 1001 }).state).toBe('LAST_ACK');
  });

  test('deletes an entry at once when the only answer is a RST', () => {
    const { send, ct } = talk();
    send(client, { flags: 'S', seq: 999 });
    expect(send(server, { flags: 'RA', seq: 0, ack: 1000, window: 0 }).info).toBe(CtInfo.EstablishedReply);
    ct.sweep();
    expect(ct.size).toBe(0);
  });

  test('does not lengthen the life of an unanswered entry for a repeated SYN', () => {
    const { send, wait, ct } = talk();
    const { p } = send(client, { flags: 'S', seq: 999 });
    wait(100_000);
    send(client, { flags: 'S', seq: 999 });
    expect(ct.expiresMs(p.ct)).toBe(20_000);
  });

  test('believes a RST only when its number is the one that is expected', () => {
    const { send, open, ct } = talk();
    const i = open();
    expect(send(server, { flags: 'R', seq: 4000 }).info).toBe(CtInfo.None);
    expect(ct.core.lastInvalid).toBe(Invalid.TcpRst);
    // In the window and not exact: a challenge ACK may follow, so the state stays, for ten seconds.
    expect(send(server, { flags: 'R', seq: 5100 }).state).toBe('ESTABLISHED');
    expect(ct.expiresMs(i)).toBe(10_000);
    send(client, { flags: 'A', seq: 1000, ack: 5000 });
    expect(ct.expiresMs(i)).toBe(300_000); // the numbers up to 5100 count as sent and not acknowledged
    expect(send(server, { flags: 'R', seq: 5000 }).state).toBe('CLOSE');
  });

  test('lets nf_conntrack_tcp_ignore_invalid_rst close it all the same', () => {
    const { send, open, ct } = talk();
    ct.sysctl.set('nf_conntrack_tcp_ignore_invalid_rst', 1);
    open();
    expect(send(server, { flags: 'R', seq: 4999 }).info).toBe(CtInfo.EstablishedReply);
  });

  test('finds what is outside both windows invalid, unless it is liberal', () => {
    const { send, open, ct } = talk();
    open();
    const far: Partial<Tcp> = { flags: 'A', seq: 1000 + (65_535 << 7) + 1, ack: 5000 };
    expect(send(client, far).info).toBe(CtInfo.None);
    expect(ct.core.lastInvalid).toBe(Invalid.SeqOverUpper);
    expect(send(client, { flags: 'A', seq: 1000, ack: 6000 }).info).toBe(CtInfo.None);
    expect(ct.core.lastInvalid).toBe(Invalid.AckOverUpper);
    ct.sysctl.set('nf_conntrack_tcp_be_liberal', 1);
    expect(send(client, far).info).toBe(CtInfo.Established);
  });

  test('counts a window scale only when both sides offered it', () => {
    const { send, ct } = talk();
    send(client, { flags: 'S', seq: 999, options: [3, 3, 7] });
    send(server, { flags: 'SA', seq: 4999, ack: 1000, window: 1000 });
    send(client, { flags: 'A', seq: 1000, ack: 5000, window: 1000 });
    expect(send(client, { flags: 'A', seq: 1000 + 1000, ack: 5000 }).info).toBe(CtInfo.Established);
    expect(send(client, { flags: 'A', seq: 2000 + 1, ack: 5000 }).info).toBe(CtInfo.Established);
    expect(ct.core.lastInvalid).toBe(Invalid.Overshot); // by less than a window: passes, and is remembered
    expect(send(client, { flags: 'A', seq: 2000 + 1000, ack: 5000 }).info).toBe(CtInfo.None);
    expect(ct.core.lastInvalid).toBe(Invalid.SeqOverUpper);
  });

  test('reads an acknowledgement from SACK blocks where they were agreed on', () => {
    const { send, ct } = talk();
    send(client, { flags: 'S', seq: 999, options: [4, 2] });
    send(server, { flags: 'SA', seq: 4999, ack: 1000, options: [4, 2] });
    send(client, { flags: 'A', seq: 1000, ack: 5000 });
    const block = (right: number): number[] => [1, 1, 5, 10, 0, 0, 3, 232, 0, 0, right >> 8, right & 255];
    send(client, { flags: 'A', seq: 1000, ack: 5000, length: 500 });
    expect(send(server, { flags: 'A', seq: 5000, ack: 1000, options: block(1500) }).info).toBe(CtInfo.EstablishedReply);
    expect(send(server, { flags: 'A', seq: 5000, ack: 1000, options: block(1501) }).info).toBe(CtInfo.None);
    expect(ct.core.lastInvalid).toBe(Invalid.AckOverUpper);
  });

  test('keeps an entry for five minutes while sent data is not acknowledged', () => {
    const { send, open, ct } = talk();
    const i = open();
    send(client, { flags: 'PA', seq: 1000, ack: 5000, length: 100 });
    expect(ct.expiresMs(i)).toBe(300_000);
    send(server, { flags: 'A', seq: 5000, ack: 1100 });
    expect(ct.expiresMs(i)).toBe(432_000_000);
  });

  test('shortens the life after three retransmissions of the same segment', () => {
    const { send, open, ct } = talk();
    const i = open();
    const same: Partial<Tcp> = { flags: 'A', seq: 1000, ack: 5000 };
    for (let n = 0; n < 3; n++) send(client, same);
    expect(ct.expiresMs(i)).toBe(300_000);
  });

  test('opens a new connection over one in TIME_WAIT, and over one that a RST closed', () => {
    const { send, open, ct } = talk();
    open();
    send(client, { flags: 'FA', seq: 1000, ack: 5000 });
    send(server, { flags: 'FA', seq: 5000, ack: 1001 });
    expect(send(client, { flags: 'A', seq: 1001, ack: 5001 }).state).toBe('TIME_WAIT');
    const again = send(client, { flags: 'S', seq: 90_000 });
    expect([again.info, again.state]).toEqual([CtInfo.New, 'SYN_SENT']);
    ct.sweep();
    expect(ct.size).toBe(1);
  });

  test('follows both ends when a SYN that was let through is answered', () => {
    const { send, open } = talk();
    open();
    expect(send(client, { flags: 'S', seq: 70_000, options: [3, 3, 4] }).state).toBe('ESTABLISHED');
    expect(send(server, { flags: 'SA', seq: 8000, ack: 70_001, options: [3, 3, 4] }).state).toBe('SYN_RECV');
    expect(send(client, { flags: 'A', seq: 70_001, ack: 8001 }).state).toBe('ESTABLISHED');
  });

  test('does not take the challenge ACK to a stray SYN for the last ACK', () => {
    const { send, open } = talk();
    open();
    send(client, { flags: 'FA', seq: 1000, ack: 5000 });
    send(server, { flags: 'FA', seq: 5000, ack: 1001 });
    expect(send(client, { flags: 'S', seq: 300_000 }).state).toBe('LAST_ACK');
    expect(send(server, { flags: 'A', seq: 5001, ack: 1001 }).state).toBe('LAST_ACK');
  });

  test('lets both sides open at once', () => {
    const { send } = talk();
    send(client, { flags: 'S', seq: 999 });
    expect(send(server, { flags: 'S', seq: 4999 }).state).toBe('SYN_SENT2');
    expect(send(client, { flags: 'SA', seq: 999, ack: 5000 }).state).toBe('SYN_RECV');
    expect(send(server, { flags: 'SA', seq: 4999, ack: 1000 }).state).toBe('SYN_RECV');
    expect(send(client, { flags: 'A', seq: 1000, ack: 5000 }).state).toBe('ESTABLISHED');
  });

  test('picks a connection up in its middle, for five minutes until it is answered; not with tcp_loose off', () => {
    const { send, ct } = talk();
    const first = send(client, { flags: 'A', seq: 77_000, ack: 88_000 });
    expect([first.info, first.state, ct.expiresMs(first.p.ct)]).toEqual([CtInfo.New, 'ESTABLISHED', 300_000]);
    send(server, { flags: 'A', seq: 88_000, ack: 77_000 });
    send(client, { flags: 'A', seq: 77_000, ack: 88_000 });
    expect(ct.expiresMs(first.p.ct)).toBe(432_000_000);
    const strict = talk();
    strict.ct.sysctl.set('nf_conntrack_tcp_loose', 0);
    expect(strict.send(client, { flags: 'A', seq: 77_000, ack: 88_000 }).info).toBe(CtInfo.None);
    expect(strict.ct.size).toBe(0);
  });

  test('refuses combinations of flags that nobody sends, and damaged segments', () => {
    const { send, ct } = talk();
    for (const flags of ['', 'F', 'SF', 'SR', 'SFA', 'RF', 'U', 'P', 'FP']) expect(send(client, { flags }).info).toBe(CtInfo.None);
    expect(ct.core.invalid[Invalid.TcpFlags]).toBe(9);
    expect(send(client, { flags: 'S', wrongChecksum: true }).info).toBe(CtInfo.None);
    const cut = tcpPacket({ ...client, flags: 'S', options: [2, 4, 5, 180] });
    cut.end -= 1;
    ct.track(cut, Hook.Prerouting);
    expect(ct.core.lastInvalid).toBe(Invalid.Malformed);
    expect(ct.size).toBe(0);
  });

  test('drops to CLOSE for ten seconds when a rule has reset the connection', () => {
    const { open, ct } = talk();
    const i = open();
    ct.setClosing(i);
    expect([tcpStateNames[ct.tcpState(i)], ct.expiresMs(i)]).toEqual(['CLOSE', 10_000]);
  });
});

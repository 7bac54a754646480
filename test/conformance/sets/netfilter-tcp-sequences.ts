/** netfilter/tcp-sequences: conversations of one host, packet by packet. */
import { Ips } from '../../../src/conntrack/status.ts';
import { tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import { CtInfo } from '../../../src/packet/packet.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { tcpPacket, world } from '../../conntrack/packets.ts';
import { defineSet, failed, passed } from '../set.ts';

export interface SegmentCase {
  readonly flags: string;
  readonly seq: number;
  readonly len: number;
  readonly ack?: number;
  readonly win?: number;
  readonly opts?: {
    readonly mss?: number;
    readonly wscale?: number;
    readonly sackPermitted?: boolean;
    readonly ts?: readonly [number, number];
  };
}
export interface SequenceCase {
  readonly id: string;
  readonly initiator: 'in' | 'out';
  readonly port: number;
  readonly packets: readonly (SegmentCase & {
    readonly dir: 'in' | 'out';
    readonly gapMs?: number;
    readonly expect?: { readonly ctinfo?: 'valid' | 'invalid'; readonly tcpState?: string; readonly entryFlags?: readonly string[] };
  })[];
  readonly expectInvalidCount?: { readonly in?: number; readonly out?: number };
}

const word = (v: number): number[] => [(v >>> 24) & 255, (v >>> 16) & 255, (v >>> 8) & 255, v & 255];

export function optionsOf(o: SegmentCase['opts']): number[] {
  if (!o) return [];
  const bytes: number[] = [];
  if (o.mss !== undefined) bytes.push(2, 4, o.mss >> 8, o.mss & 255);
  if (o.sackPermitted) bytes.push(4, 2);
  if (o.ts) bytes.push(8, 10, ...word(o.ts[0]), ...word(o.ts[1]));
  if (o.wscale !== undefined) bytes.push(3, 3, o.wscale);
  return bytes;
}

const HOST = { src: '192.168.56.11', sport: 40_000 };
const PEER = '203.0.113.9';

export const tcpSequences = defineSet<SequenceCase>('netfilter/tcp-sequences', c => {
  const w = world();
  const [hostPort, peerPort] = c.initiator === 'out' ? [40_000, c.port] : [c.port, 40_000];
  const invalid = { in: 0, out: 0 };
  for (const [n, s] of c.packets.entries()) {
    w.wait(s.gapMs ?? 0);
    const ends =
      s.dir === 'out'
        ? { src: HOST.src, sport: hostPort, dst: PEER, dport: peerPort }
        : { src: PEER, sport: peerPort, dst: HOST.src, dport: hostPort };
    const p = tcpPacket({
      ...ends,
      flags: s.flags,
      seq: s.seq,
      ack: s.ack ?? 0,
      window: s.win ?? 65_535,
      length: s.len,
      options: optionsOf(s.opts),
    });
    w.ct.track(p, s.dir === 'out' ? Hook.Output : Hook.Prerouting);
    const bad = p.ctinfo === CtInfo.None;
    if (bad) invalid[s.dir]++;
    const dropped = bad; // -m conntrack --ctstate INVALID -j DROP
    if (!dropped) w.ct.confirm(p);
    const where = `packet ${n}`;
    const e = s.expect;
    if (e?.ctinfo !== undefined && (e.ctinfo === 'invalid') !== bad)
      return failed(`${where}: expected ${e.ctinfo}, got ${bad ? 'invalid' : 'valid'}`);
    const [original, reply] = c.initiator === 'out' ? [hostPort, peerPort] : [peerPort, hostPort];
    const [from, to] = c.initiator === 'out' ? [0xc0a8380b | 0, 0xcb007109 | 0] : [0xcb007109 | 0, 0xc0a8380b | 0];
    const i = w.ct.findEntry(from, to, (original << 16) | reply, 6);
    const state = i < 0 ? undefined : tcpStateNames[w.ct.tcpState(i)];
    if (e?.tcpState !== undefined && state !== e.tcpState) return failed(`${where}: expected ${e.tcpState}, got ${state}`);
    const status = i < 0 ? 0 : w.ct.status(i);
    for (const flag of e?.entryFlags ?? []) {
      const has = flag === 'ASSURED' ? (status & Ips.Assured) !== 0 : flag === 'UNREPLIED' ? (status & Ips.SeenReply) === 0 : undefined;
      if (has !== true) return failed(`${where}: expected ${flag}`);
    }
  }
  for (const dir of ['in', 'out'] as const) {
    const want = c.expectInvalidCount?.[dir];
    if (want !== undefined && want !== invalid[dir]) return failed(`invalid ${dir}: expected ${want}, got ${invalid[dir]}`);
  }
  return passed;
});

/** gvisor/tcp-tracker: conversations, and when they are forgotten. Where Linux differs, `linuxExpect` is what is expected. */
import { tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import { CtInfo } from '../../../src/packet/packet.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { reverse, type Tcp, tcpPacket, world } from '../../conntrack/packets.ts';
import { defineSet, failed, passed, unsupported, type Verdict } from '../set.ts';

export interface TrackerPacket {
  readonly dir: 'orig' | 'reply';
  readonly flags: string;
  readonly seq: number;
  readonly ack: number;
  readonly win: number;
  readonly len: number;
  readonly wscale?: number;
  readonly expect: string;
}
export interface TrackerCase {
  readonly id: string;
  readonly packets?: readonly TrackerPacket[];
  readonly timeline?: readonly { readonly atS: number; readonly packet?: string; readonly expectTracked?: boolean }[];
  readonly linuxExpect?: readonly {
    readonly ctinfo?: string;
    readonly tcpState?: string | null;
    readonly atS?: number;
    readonly tracked?: boolean;
  }[];
}

export const allowedStates: Record<string, readonly string[]> = {
  connecting: ['SYN_SENT'],
  alive: ['SYN_SENT2', 'SYN_RECV', 'ESTABLISHED', 'FIN_WAIT', 'CLOSE_WAIT', 'LAST_ACK'],
  reset: ['CLOSE'],
  'closed-by-originator': ['TIME_WAIT'],
  'closed-by-responder': ['TIME_WAIT'],
};
const original: Tcp = { src: '10.244.1.5', sport: 40_000, dst: '10.244.2.7', dport: 80 };
const find = (w: ReturnType<typeof world>): number => w.ct.findEntry(0x0af40105, 0x0af40207, (40_000 << 16) | 80, 6);

function send(w: ReturnType<typeof world>, s: Omit<TrackerPacket, 'expect'>): { state: string | null; ctinfo: string } {
  const p = tcpPacket({
    ...(s.dir === 'orig' ? original : reverse(original)),
    flags: s.flags,
    seq: s.seq,
    ack: s.ack,
    window: s.win,
    length: s.len,
    options: s.wscale ? [3, 3, s.wscale] : [],
  });
  w.ct.track(p, Hook.Prerouting);
  w.ct.confirm(p);
  const i = find(w);
  return { state: i < 0 ? null : tcpStateNames[w.ct.tcpState(i)]!, ctinfo: p.ctinfo === CtInfo.None ? 'invalid' : 'valid' };
}

function conversation(c: TrackerCase): Verdict {
  const w = world();
  for (const [n, s] of c.packets!.entries()) {
    const got = send(w, s);
    const linux = c.linuxExpect?.[n];
    if (linux) {
      if (linux.ctinfo !== got.ctinfo || linux.tcpState !== got.state) {
        return failed(`packet ${n}: expected ${linux.ctinfo} ${linux.tcpState}, got ${got.ctinfo} ${got.state}`);
      }
      continue;
    }
    const allowed = allowedStates[s.expect];
    if (allowed === undefined) return unsupported(`no expectation "${s.expect}"`);
    if (got.state === null || !allowed.includes(got.state)) return failed(`packet ${n}: expected ${s.expect}, got ${got.state}`);
  }
  return passed;
}

export const handshake: readonly Omit<TrackerPacket, 'expect'>[] = [
  { dir: 'orig', flags: 'S', seq: 999, ack: 0, win: 30_000, len: 0 },
  { dir: 'reply', flags: 'SA', seq: 4999, ack: 1000, win: 30_000, len: 0 },
  { dir: 'orig', flags: 'A', seq: 1000, ack: 5000, win: 30_000, len: 0 },
];

/** `SYN`, `syn-ack`. */
export const packetNamed = (words: string): Omit<TrackerPacket, 'expect'> | undefined =>
  handshake.find(h => h.flags.toLowerCase() === words.toLowerCase().replace('syn', 's').replace('-ack', 'a').replace('ack', 'a'));

function timeline(c: TrackerCase): Verdict {
  const w = world();
  let now = 0;
  for (const step of c.timeline!) {
    w.wait((step.atS - now) * 1000);
    now = step.atS;
    if (step.packet === 'handshake') for (const s of handshake) send(w, s);
    else if (step.packet !== undefined) {
      const s = packetNamed(step.packet);
      if (s === undefined) return unsupported(`no packet "${step.packet}"`);
      send(w, s);
    }
    const expected = c.linuxExpect?.find(l => l.atS === step.atS)?.tracked ?? step.expectTracked;
    const tracked = find(w) >= 0;
    if (expected !== undefined && tracked !== expected) return failed(`at ${step.atS} s: expected tracked ${expected}, got ${tracked}`);
  }
  return passed;
}

export const tcpTracker = defineSet<TrackerCase>('gvisor/tcp-tracker', c => {
  if (c.packets) return conversation(c);
  return c.timeline ? timeline(c) : unsupported('neither packets nor a timeline');
});

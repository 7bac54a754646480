/**
 * Conntrack, NAT and reassembly against the kernel's own: the same packets through both, and the same verdicts, bytes and lists.
 * Needs: TUN and the right to make network namespaces with iptables, and conntrack(8).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatIpv4, parseIpv4 } from '../../../src/base/address.ts';
import { VirtualClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import type { Conntrack } from '../../../src/conntrack/conntrack.ts';
import { Manip, RangeFlag } from '../../../src/conntrack/nat/range.ts';
import { run } from '../../../src/conntrack/text/command.ts';
import { Arena } from '../../../src/packet/arena.ts';
import { plainMemory } from '../../../src/packet/memory.ts';
import { CtInfo, type Packet } from '../../../src/packet/packet.ts';
import { Hook, Verdict } from '../../../src/packet/verdict.ts';
import { DefragUser, Reassembly } from '../../../src/router/fragments.ts';
import * as icmp from '../../../src/wire/icmp.ts';
import * as ipv4 from '../../../src/wire/ipv4.ts';
import * as tcp from '../../../src/wire/tcp.ts';
import * as udp from '../../../src/wire/udp.ts';
import { icmpPacket, packet, type Tcp, tcpPacket, udpPacket, world } from '../../conntrack/packets.ts';
import { noTun, title } from '../device/sandbox.ts';
import type { Injected, Job, Outcome } from './router.ts';

const missing = noTun ?? (spawnSync('conntrack', ['-V']).status === 0 ? undefined : 'no conntrack(8)');

function kernel(job: Partial<Job> & Pick<Job, 'steps' | 'rules'>): Outcome {
  const dir = mkdtempSync(join(tmpdir(), 'kubehop-conntrack-'));
  try {
    const file = join(dir, 'job.json');
    writeFileSync(file, JSON.stringify({ sysctls: {}, gapsMs: [], commands: [], ...job }));
    const own = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
    const args = [...own, '--net', '--mount', process.execPath, join(import.meta.dirname, 'router.ts'), file];
    return JSON.parse(execFileSync('unshare', args, { encoding: 'utf8', maxBuffer: 1 << 28 })) as Outcome;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const hexOf = (p: Packet): string => Buffer.from(p.bytes.subarray(p.l3, p.end)).toString('hex');
const fromHex = (hex: string): Packet => packet(Uint8Array.from(Buffer.from(hex, 'hex')));

/** The state of each packet is written into its TOS, so that it can be read where the packet comes out. */
const tosOf: Record<number, number> = {
  [CtInfo.None]: 0x04,
  [CtInfo.New]: 0x08,
  [CtInfo.Established]: 0x10,
  [CtInfo.EstablishedReply]: 0x10,
  [CtInfo.Related]: 0x20,
  [CtInfo.Related + 3]: 0x20,
};
const tosRules = [
  '*mangle',
  '-A PREROUTING -m conntrack --ctstate INVALID -j TOS --set-tos 0x04',
  '-A PREROUTING -m conntrack --ctstate NEW -j TOS --set-tos 0x08',
  '-A PREROUTING -m conntrack --ctstate ESTABLISHED -j TOS --set-tos 0x10',
  '-A PREROUTING -m conntrack --ctstate RELATED -j TOS --set-tos 0x20',
  'COMMIT',
];

type Binding = (ct: Conntrack, p: Packet, hook: Hook) => void;

/** What `router.ts` makes of a packet, here: side and bytes of what comes out, or nothing. */
function route(ct: Conntrack, p: Packet, bind: Binding = () => {}): string | undefined {
  if (ct.track(p, Hook.Prerouting) !== Verdict.Accept) return undefined;
  ipv4.setTos(p.bytes, p.l3, tosOf[p.ctinfo]!);
  for (const [hook, manip] of [[Hook.Prerouting, Manip.Dst] as const, [Hook.Postrouting, Manip.Src] as const]) {
    if (hook === Hook.Postrouting) {
      p.oif = ipv4.dst(p.bytes, p.l3) >>> 16 === 0x0a01 ? 1 : 2;
      ipv4.setTtl(p.bytes, p.l3, ipv4.ttl(p.bytes, p.l3) - 1);
    }
    if (ct.nat.consults(p, hook)) {
      bind(ct, p, hook);
      if (!ct.nat.initialized(p.ct, manip)) ct.nat.bindNull(p.ct, manip);
    }
    if (ct.nat.translate(p, hook) !== Verdict.Accept) {
      ct.drop(p);
      return undefined;
    }
  }
  return ct.confirm(p) === Verdict.Accept ? (p.oif === 1 ? 'a' : 'c') + hexOf(p) : undefined;
}

/** A list without what depends on the moment: seconds left are rounded up to ten. */
const timeless = (lines: readonly string[]): string[] =>
  lines
    .map(l =>
      l
        .replace(/^((?:ipv4 +2 )?\S+ +\d+ )(\d+)/, (_, head, s) => `${head}${Math.ceil(Number(s) / 10) * 10}`)
        .replace(/delta-time=\d+ /, ''),
    )
    .sort();

describe.skipIf(missing)(title('conntrack beside the kernel', missing), () => {
  test('TCP: verdict, state, flags and timeout after each of thousands of random segments', () => {
    const [flows, length] = [400, 18];
    const r = new SeededRandom(20);
    const one = <T>(of: readonly T[]): T => of[r.below(of.length)]!;
    const next = Array.from({ length: flows }, (): [number, number] => [r.u32(), r.u32()]);
    const segment = (n: number, k: number): { side: 'a' | 'c'; t: Tcp } => {
      const at = next[n]!;
      const script = (['S', 'SA', 'A'] as const)[k];
      const scripted = script !== undefined && n % 5 !== 0;
      const reply = scripted ? k === 1 : r.below(2) === 1;
      const [mine, peer] = reply ? [1, 0] : [0, 1];
      const flags = scripted ? script : one(['A', 'A', 'PA', 'A', 'FA', 'R', 'RA', 'S', 'SA', 'SU', '', 'FAU']);
      const far = !scripted && r.below(4) === 0;
      const seq = (at[mine]! + (far ? one([1, -1, 100, -100, 66_000, -66_000, 1 << 20, -(1 << 20), 1 << 30]) : 0)) >>> 0;
      const ack =
        flags.includes('A') || r.below(6) === 0 ? (at[peer]! + (far ? one([0, 1, -1, 1000, -1000, 70_000, -70_000]) : 0)) >>> 0 : 0;
      const bytes = scripted || /[SRF]/.test(flags) ? 0 : one([0, 0, 100, 1000]);
      if (!far) at[mine] = (seq + bytes + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0)) >>> 0;
      const window = scripted ? 64_000 : one([0, 1, 100, 8192, 65_535]);
      const options = flags.includes('S') ? one([[], [2, 4, 5, 180], [3, 3, 7], [4, 2, 1, 3, 3, 2]]) : [];
      const ends = { src: `10.1.${n >> 8}.${n & 255}`, sport: 20_000 + n, dst: '10.2.0.9', dport: 80 };
      const t = { flags, seq, ack, window, length: bytes, options };
      return reply
        ? { side: 'c', t: { src: ends.dst, sport: 80, dst: ends.src, dport: ends.sport, ...t } }
        : { side: 'a', t: { ...ends, ...t } };
    };
    const steps = Array.from({ length }, (_, k) => Array.from({ length: flows }, (_, n) => segment(n, k)));
    const told = kernel({
      rules: `${tosRules.join('\n')}\n`,
      steps: steps.map(s => s.map(({ side, t }) => ({ side, hex: hexOf(tcpPacket(t)) }))),
    });
    const w = world({ capacity: 4096 });
    for (const [k, step] of steps.entries()) {
      const out = step.map(({ t }) => route(w.ct, tcpPacket(t)));
      expect([k, told.steps[k]!.out]).toEqual([k, out.filter(o => o !== undefined)]);
      expect([k, timeless(told.steps[k]!.list)]).toEqual([k, timeless(run(w.ct, ['-L']).stdout.split('\n').filter(Boolean))]);
    }
  });

  test('NAT: the same bytes for new flows, their answers, and ICMP errors about them', () => {
    const natRules = [
      '*nat',
      '-A PREROUTING -d 10.2.50.1 -p udp -m udp --dport 53 -j DNAT --to-destination 10.2.0.5:5353',
      '-A PREROUTING -d 10.2.50.2 -j DNAT --to-destination 10.2.1.10-10.2.1.20',
      '-A PREROUTING -d 10.2.50.3 -j DNAT --to-destination 10.2.1.30-10.2.1.90 --persistent',
      '-A PREROUTING -d 10.2.60.0/24 -j NETMAP --to 10.2.70.0/24',
      '-A POSTROUTING -s 10.1.1.0/24 -o tc -j SNAT --to-source 10.2.200.1-10.2.200.9',
      '-A POSTROUTING -s 10.1.3.0/24 -o tc -j MASQUERADE',
      'COMMIT',
    ];
    const range = (ct: Conntrack, p: Packet, manip: Manip, low: string, high: string, flags = 0, port = 0): void =>
      void ct.nat.bind(p.ct, manip, RangeFlag.MapIps | flags, parseIpv4(low), parseIpv4(high), port, port);
    const bind: Binding = (ct, p, hook) => {
      const [src, dst] = [formatIpv4(ipv4.src(p.bytes, p.l3)), formatIpv4(ipv4.dst(p.bytes, p.l3))];
      if (hook === Hook.Postrouting) {
        if (src.startsWith('10.1.1.')) range(ct, p, Manip.Src, '10.2.200.1', '10.2.200.9');
        else if (src.startsWith('10.1.3.')) ct.nat.masquerade(p.ct, 2, parseIpv4('10.99.2.1'), 0, 0, 0);
      } else if (dst === '10.2.50.1' && ipv4.protocol(p.bytes, p.l3) === 17) {
        range(ct, p, Manip.Dst, '10.2.0.5', '10.2.0.5', RangeFlag.ProtoSpecified, 5353);
      } else if (dst === '10.2.50.2') range(ct, p, Manip.Dst, '10.2.1.10', '10.2.1.20');
      else if (dst === '10.2.50.3') range(ct, p, Manip.Dst, '10.2.1.30', '10.2.1.90', RangeFlag.Persistent);
      else if (dst.startsWith('10.2.60.')) ct.nat.netmap(p, hook, parseIpv4('10.2.70.0'), -256);
    };
    const r = new SeededRandom(4);
    const one = <T>(of: readonly T[]): T => of[r.below(of.length)]!;
    // Ports differ from flow to flow: none has to be chosen by chance.
    const first = Array.from({ length: 600 }, (_, n): Packet => {
      const ends = {
        src: `10.1.${one([1, 2, 3])}.${1 + r.below(200)}`,
        sport: 1000 + n,
        dst: one(['10.2.50.1', '10.2.50.2', '10.2.50.3', `10.2.60.${r.below(250)}`, '10.2.7.7']),
        dport: 53,
      };
      const protocol = r.below(3);
      if (protocol === 0) return udpPacket({ ...ends, length: r.below(50), checksum: one(['right', 'right', 'none'] as const) });
      return protocol === 1 ? tcpPacket({ ...ends, seq: r.u32() }) : icmpPacket(ends.src, ends.dst, 8, 0, (ends.sport << 16) | 1);
    });
    const w = world({ capacity: 4096 });
    const pass = (packets: readonly string[]): string[] => packets.flatMap(hex => route(w.ct, fromHex(hex), bind) ?? []);
    const sent = first.map(hexOf);
    const out = pass(sent);
    const answers = out.map(o => answer(fromHex(o.slice(1)), r));
    const back = pass(answers);
    const again = pass(sent);
    const side = (s: 'a' | 'c', hexes: readonly string[]): Injected[] => hexes.map(hex => ({ side: s, hex }));
    const told = kernel({
      rules: `${[...natRules, ...tosRules].join('\n')}\n`,
      steps: [side('a', sent), side('c', answers), side('a', sent)],
    });
    expect(told.steps.map(s => s.out)).toEqual([out, back, again]);
    expect(back.length).toBeGreaterThan(500);
  });

  test('reassembly: the same datagrams out of whole, doubled, overlapping, missing and marked fragments', () => {
    const r = new SeededRandom(5);
    const sent = Array.from({ length: 150 }, (_, n) => fragmentsOf(n, r)).flat();
    const told = kernel({ rules: `${tosRules.join('\n')}\n`, steps: [sent.map(p => ({ side: 'a', hex: hexOf(p) }))] });
    const size = { small: 4, large: 4 };
    const arena = new Arena(plainMemory(Arena.bytesFor(size)), size);
    const whole = (packets: readonly Packet[]): string[] => {
      const reassembly = new Reassembly({ clock: new VirtualClock(), random: new SeededRandom(1), arena });
      return packets.flatMap(p => {
        if (reassembly.receive(p, DefragUser.ConntrackIn) !== Verdict.Accept) return [];
        ipv4.setFragmentWord(p.bytes, p.l3, 0);
        ipv4.setTtl(p.bytes, p.l3, 63);
        ipv4.setTos(p.bytes, p.l3, 0);
        const hex = hexOf(p);
        arena.give(p);
        return [hex];
      });
    };
    // The kernel cuts a datagram again as it came; put together once more it is compared.
    expect(whole(told.steps[0]!.out.map(o => fromHex(o.slice(1))))).toEqual(whole(sent));
  });

  test('conntrack(8): the same lines, filters, messages and exit codes', () => {
    const to: Tcp = { src: '10.1.0.1', sport: 1001, dst: '10.2.0.1', dport: 80, window: 1000 };
    const from: Tcp = { src: '10.2.0.1', sport: 80, dst: '10.1.0.1', dport: 1001, window: 1000 };
    const steps: ['a' | 'c', Packet][][] = [
      [
        ['a', udpPacket({ src: '10.1.0.1', sport: 1000, dst: '10.2.0.1' })],
        ['a', tcpPacket({ ...to, seq: 1 })],
        ['a', tcpPacket({ ...to, sport: 1002, seq: 1 })],
        ['a', icmpPacket('10.1.0.1', '10.2.0.1', 8, 0, 0x1234_0001)],
      ],
      [
        ['c', udpPacket({ src: '10.2.0.1', sport: 53, dst: '10.1.0.1', dport: 1000 })],
        ['c', tcpPacket({ ...from, flags: 'SA', seq: 1, ack: 2 })],
        ['a', tcpPacket({ ...to, flags: 'A', seq: 2, ack: 2 })],
        ['c', tcpPacket({ ...from, dport: 1002, flags: 'RA', ack: 2, window: 0 })],
      ],
    ];
    const commands = [
      '-L',
      '-L -o extended',
      '-L -p tcp',
      '-L -u ASSURED',
      '-L -s 10.1.0.0/16 -p udp --dport 53',
      '-L -p tcp --state SYN_SENT',
      '-L -q 10.1.0.1 -p icmp',
      '-L -n',
      '-C',
      '-D -p udp',
      '-D -p udp',
      '-L -p foo',
      '-L --sport 1',
      '-L -D',
      '-C -p tcp',
      '-L -s 1.1.1.1/33',
      '-V',
      '-F',
      '-C',
    ].map(line => line.split(' '));
    // A nat table, so that the kernel notes that nothing was to be translated, as the router does.
    const nat = ['*nat', '-A POSTROUTING -s 10.9.9.9 -j MASQUERADE', 'COMMIT'];
    const told = kernel({
      rules: `${[...nat, ...tosRules].join('\n')}\n`,
      steps: steps.map(s => s.map(([side, p]) => ({ side, hex: hexOf(p) }))),
      commands,
      sysctls: { 'net.netfilter.nf_conntrack_acct': 1 },
    });
    const w = world();
    w.ct.sysctl.set('nf_conntrack_acct', 1);
    for (const step of steps) for (const [, p] of step) route(w.ct, fromHex(hexOf(p)));
    for (const [n, args] of commands.entries()) {
      const [mine, theirs] = [run(w.ct, args), told.commands[n]!];
      const lines = (text: string): string[] => timeless(text.split('\n').filter(Boolean));
      expect([args, lines(mine.stdout), mine.status]).toEqual([args, lines(theirs.stdout), theirs.status]);
      if (theirs.status !== 0) expect([args, mine.stderr]).toEqual([args, theirs.stderr]);
    }
  });
});

/** What the receiver of a packet sends back: an answer, or an ICMP error that quotes more or less of it. */
function answer(p: Packet, r: SeededRandom): string {
  const b = p.bytes;
  const ends = { src: formatIpv4(ipv4.dst(b, p.l3)), dst: formatIpv4(ipv4.src(b, p.l3)) };
  if (r.below(4) === 0) {
    const quote = [28, 32, 40, p.end - p.l3][r.below(4)]!;
    const type = [3, 11, 12, 4, 5][r.below(5)]!;
    return hexOf(icmpPacket(ends.src, ends.dst, type, r.below(4), 0, b.slice(p.l3, Math.min(p.end, p.l3 + quote))));
  }
  const ports = { sport: udp.dstPort(b, p.l4), dport: udp.srcPort(b, p.l4) };
  switch (ipv4.protocol(b, p.l3)) {
    case 17:
      return hexOf(udpPacket({ ...ends, ...ports, length: r.below(40), checksum: r.below(3) > 0 ? 'right' : 'none' }));
    case 6:
      return hexOf(tcpPacket({ ...ends, ...ports, flags: r.below(3) > 0 ? 'SA' : 'RA', seq: 1, ack: (tcp.seq(b, p.l4) + 1) >>> 0 }));
    default:
      return hexOf(icmpPacket(ends.src, ends.dst, 0, 0, icmp.rest(b, p.l4)));
  }
}

/** Fragments of one datagram, in some order, with one thing wrong or none. */
function fragmentsOf(n: number, r: SeededRandom): Packet[] {
  const whole = udpPacket({ src: `10.1.0.${1 + n}`, dst: '10.2.0.9', length: 24 + r.below(3000), checksum: 'none' });
  const data = whole.bytes.slice(whole.l4, whole.end);
  const parts: { from: number; to: number; more: boolean; tos: number; df: boolean }[] = [];
  for (let from = 0; from < data.length; ) {
    const to = parts.length === 40 ? data.length : Math.min(data.length, from + 8 * (1 + r.below([10, 60, 180][n % 3]!)));
    parts.push({ from, to, more: to < data.length, tos: 0, df: false });
    from = to;
  }
  const any = parts[r.below(parts.length)]!;
  const wrong = r.below(7);
  if (wrong === 1) parts.push({ ...any });
  if (wrong === 2) parts.push({ ...any, to: Math.min(data.length, any.from + 8), more: true });
  if (wrong === 3) parts.splice(r.below(parts.length), 0, { ...any, to: Math.min(data.length, any.to + 16) });
  if (wrong === 4) parts.splice(parts.indexOf(any), 1);
  if (wrong === 5) for (const p of parts) p.tos = r.below(4);
  if (wrong === 6) for (const p of parts) p.df = r.below(2) === 0;
  if (r.below(3) > 0) parts.sort(() => r.below(3) - 1);
  return parts.map(f => {
    const header = { tos: f.tos, totalLength: 20 + f.to - f.from, identification: 500 + n, dontFragment: f.df, moreFragments: f.more };
    const b = new Uint8Array(header.totalLength);
    const rest = {
      fragmentOffset: f.from,
      ttl: 64,
      protocol: 17,
      src: ipv4.src(whole.bytes, whole.l3),
      dst: ipv4.dst(whole.bytes, whole.l3),
    };
    ipv4.encode({ ...header, ...rest, options: new Uint8Array(0) }, b);
    b.set(data.subarray(f.from, f.to), 20);
    return packet(b);
  });
}

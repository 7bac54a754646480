import { describe, expect, test } from 'vitest';
import { follow, run } from '../../src/conntrack/text/command.ts';
import { Hook } from '../../src/packet/verdict.ts';
import { icmpPacket, type packet, type Tcp, tcpPacket, type Udp, udpPacket, world } from './packets.ts';

const [A, C] = ['10.1.0.1', '10.2.0.1'];
const zones: Record<number, number> = { 17: 5 | (3 << 16), 1: 7 | (1 << 16) };

/** The packets of a run through kernel 6.18, whose `conntrack` output is what is expected below. */
function scene() {
  const start = Date.UTC(2026, 10, 20, 9, 33, 8);
  let clockMs = (): number => 0;
  const w = world({ wallClock: () => start + clockMs() });
  clockMs = () => w.clock.nowMs();
  w.ct.sysctl.set('nf_conntrack_acct', 1);
  w.ct.sysctl.set('nf_conntrack_timestamp', 1);
  const pass = (p: ReturnType<typeof packet>): void => {
    p.zone = zones[p.bytes[p.l3 + 9]!] ?? 0;
    w.ct.track(p, Hook.Prerouting);
    if (p.ct >= 0 && p.bytes[p.l3 + 9] === 6) w.ct.setMark(p.ct, 42);
    w.ct.confirm(p);
  };
  const tcp = (t: Tcp): void => pass(tcpPacket({ window: 1000, ...t }));
  const udp = (u: Udp): void => pass(udpPacket(u));
  const events = follow(w.ct, ['-E', '-o', 'extended']);
  const to = { src: A, dst: C, sport: 1001, dport: 80 };
  const from = { src: C, dst: A, sport: 80, dport: 1001 };
  udp({ src: A, sport: 1000, dst: C, dport: 53 });
  tcp({ ...to, flags: 'S', seq: 1 });
  tcp({ ...to, sport: 1002, flags: 'S', seq: 1 });
  pass(icmpPacket(A, C, 8, 0, 0x1234_0001));
  w.wait(40);
  udp({ src: C, sport: 53, dst: A, dport: 1000 });
  tcp({ ...from, flags: 'SA', seq: 1, ack: 2 });
  pass(icmpPacket(C, A, 0, 0, 0x1234_0001));
  w.wait(2100);
  tcp({ ...to, flags: 'A', seq: 2, ack: 2 });
  udp({ src: A, sport: 1000, dst: C, dport: 53 });
  w.wait(60);
  tcp({ ...from, dport: 1002, flags: 'RA', seq: 0, ack: 2, window: 0 });
  w.wait(10);
  return { ...w, events };
}

const UDP =
  'udp      17 119 src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=53 packets=2 bytes=64 src=10.2.0.1 dst=10.1.0.1 sport=53 dport=1000 packets=1 bytes=32 [ASSURED] mark=0 zone=5 delta-time=2 use=1\n';
const TCP =
  'tcp      6 431999 ESTABLISHED src=10.1.0.1 dst=10.2.0.1 sport=1001 dport=80 packets=2 bytes=80 src=10.2.0.1 dst=10.1.0.1 sport=80 dport=1001 packets=1 bytes=40 [ASSURED] mark=42 delta-time=2 use=1\n';
const ICMP =
  'icmp     1 27 src=10.1.0.1 dst=10.2.0.1 type=8 code=0 id=4660 zone-orig=7 packets=1 bytes=36 src=10.2.0.1 dst=10.1.0.1 type=0 code=0 id=4660 packets=1 bytes=36 mark=0 delta-time=2 use=1\n';
const NAME = 'conntrack v1.4.7 (conntrack-tools): ';
const TRY = "Try `conntrack -h' or 'conntrack --help' for more information.\n";

describe('the text of conntrack(8)', () => {
  test('lists entries as the tool does', () => {
    const { ct } = scene();
    expect(run(ct, ['-L'])).toEqual({ stdout: UDP + TCP + ICMP, stderr: `${NAME}3 flow entries have been shown.\n`, status: 0 });
  });

  test('shows the family, the id and the moment of the start when asked', () => {
    const { ct } = scene();
    const line = run(ct, ['-L', '-p', 'tcp', '-o', 'extended,id,ktimestamp']).stdout;
    expect(line).toMatch(/^ipv4 {5}2 tcp {6}6 .* mark=42 delta-time=2 \[start=\w{3} Nov 20 \d\d:33:08 2026\] use=1 id=\d+\n$/);
    expect(line.match(/id=(\d+)/)![1]).toBe(String(ct.id(1)));
  });

  test.each([
    ['-p udp', UDP],
    ['-p 17', UDP],
    ['-s 10.1.0.0/16 -p tcp', TCP],
    ['-s 10.9.9.9 --mask-src 255.0.0.0 -p tcp', TCP],
    ['-m 42', TCP],
    ['-m 0x2a/0xff', TCP],
    ['-m 0x2b/0x1', ''],
    ['-w 5', UDP],
    ['--orig-zone 7', ICMP],
    ['-u ASSURED', UDP + TCP],
    ['-u SEEN_REPLY -p icmp --icmp-type 8 --icmp-id 4660', ICMP],
    ['-q 10.1.0.1 -r 10.2.0.1 -p tcp --reply-port-src 80 --reply-port-dst 1001', TCP],
    ['-p tcp --state ESTABLISHED --sport 1001 --dport 80', TCP],
    ['-p tcp --state CLOSE', ''],
    ['-n', ''],
    ['-f ipv6', ''],
  ])('filters: %s', (args, stdout) => {
    expect(run(scene().ct, ['-L', ...args.split(' ')]).stdout).toBe(stdout);
  });

  test('deletes what it shows, and ends with 1 when that is nothing', () => {
    const { ct } = scene();
    expect(run(ct, ['-D', '-p', 'udp'])).toEqual({ stdout: UDP, stderr: `${NAME}1 flow entries have been deleted.\n`, status: 0 });
    expect(run(ct, ['-D', '-p', 'udp'])).toEqual({ stdout: '', stderr: `${NAME}0 flow entries have been deleted.\n`, status: 1 });
    ct.sweep();
    expect(run(ct, ['-C'])).toEqual({ stdout: '2\n', stderr: '', status: 0 });
    expect(run(ct, ['-F']).stderr).toBe(`${NAME}connection tracking table has been emptied.\n`);
    expect(run(ct, ['-C']).stdout).toBe('0\n');
  });

  test('counts in one line, for the one writer', () => {
    const { ct } = scene();
    ct.stats.invalid = 3;
    expect(run(ct, ['-S']).stdout).toBe(
      'cpu=0   \tfound=0 invalid=3 insert=0 insert_failed=0 drop=0 early_drop=0 error=0 search_restart=0 clash_resolve=0 chaintoolong=0 \n',
    );
  });

  test('zeroes counters while listing', () => {
    const { ct } = scene();
    expect(run(ct, ['-L', '-z', '-p', 'tcp']).stdout).toBe(TCP);
    expect(run(ct, ['-L', '-p', 'tcp']).stdout).toContain('packets=0 bytes=0');
  });

  test.each([
    ['-L -p foo', "`foo' unsupported protocol"],
    ['-L --sport 3', "unknown option `--sport'"],
    ['-Q', "unknown option `-Q'"],
    ['-L -D', 'Invalid commands combination'],
    ['-L extra', "unknown type `extra'"],
    ['-L -p', "option `-p' requires an argument"],
    ['-L -s foo', "Invalid IP address `foo'"],
    ['-L -s 1.1.1.1/33', 'Invalid netmask'],
    ['-L -o foo', "Bad parameter `foo'"],
    ['-L -u CONFIRMED', "Bad parameter `CONFIRMED'"],
    ['-L -e NEW', "Illegal option `--event-mask' with this command"],
    ['-C -p tcp', "Illegal option `--protonum' with this command"],
    ['-L -t 5', "Illegal option `--timeout' with this command"],
    ['-L -p tcp --state foo', "unknown TCP state `foo'"],
    ['-G -p tcp', "you have to specify `--src' and `--dst'"],
  ])('refuses %s in the words of the tool', (args, message) => {
    expect(run(scene().ct, args.split(' '))).toEqual({ stdout: '', stderr: `${NAME}${message}\n${TRY}`, status: 2 });
  });

  test('tells events as they happen', () => {
    const { events } = scene();
    expect(events.lines()).toEqual([
      '    [NEW] ipv4     2 udp      17 30 src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=53 [UNREPLIED] src=10.2.0.1 dst=10.1.0.1 sport=53 dport=1000 zone=5',
      '    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=10.1.0.1 dst=10.2.0.1 sport=1001 dport=80 [UNREPLIED] src=10.2.0.1 dst=10.1.0.1 sport=80 dport=1001 mark=42',
      '    [NEW] ipv4     2 tcp      6 120 SYN_SENT src=10.1.0.1 dst=10.2.0.1 sport=1002 dport=80 [UNREPLIED] src=10.2.0.1 dst=10.1.0.1 sport=80 dport=1002 mark=42',
      '    [NEW] ipv4     2 icmp     1 30 src=10.1.0.1 dst=10.2.0.1 type=8 code=0 id=4660 zone-orig=7 [UNREPLIED] src=10.2.0.1 dst=10.1.0.1 type=0 code=0 id=4660',
      ' [UPDATE] ipv4     2 udp      17 30 src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=53 src=10.2.0.1 dst=10.1.0.1 sport=53 dport=1000 zone=5',
      ' [UPDATE] ipv4     2 tcp      6 60 SYN_RECV src=10.1.0.1 dst=10.2.0.1 sport=1001 dport=80 src=10.2.0.1 dst=10.1.0.1 sport=80 dport=1001 mark=42',
      ' [UPDATE] ipv4     2 icmp     1 30 src=10.1.0.1 dst=10.2.0.1 type=8 code=0 id=4660 zone-orig=7 src=10.2.0.1 dst=10.1.0.1 type=0 code=0 id=4660',
      ' [UPDATE] ipv4     2 tcp      6 432000 ESTABLISHED src=10.1.0.1 dst=10.2.0.1 sport=1001 dport=80 src=10.2.0.1 dst=10.1.0.1 sport=80 dport=1001 [ASSURED] mark=42',
      ' [UPDATE] ipv4     2 udp      17 120 src=10.1.0.1 dst=10.2.0.1 sport=1000 dport=53 src=10.2.0.1 dst=10.1.0.1 sport=53 dport=1000 [ASSURED] zone=5',
      '[DESTROY] ipv4     2 tcp      6 117 CLOSE src=10.1.0.1 dst=10.2.0.1 sport=1002 dport=80 packets=1 bytes=40 [UNREPLIED] src=10.2.0.1 dst=10.1.0.1 sport=80 dport=1002 packets=1 bytes=40 mark=42 delta-time=2',
    ]);
    expect(events.lines()).toEqual([]);
  });

  test('tells only the kinds and flows that were asked for, with the moment in front', () => {
    const w = world({ wallClock: () => 1_795_167_188_241.695 });
    const { lines } = follow(w.ct, ['-E', '-e', 'NEW,DESTROY', '-p', 'udp', '-o', 'timestamp']);
    for (const p of [
      udpPacket({ src: A, dst: C }),
      tcpPacket({ src: A, dst: C }),
      udpPacket({ src: C, sport: 53, dst: A, dport: 40_000 }),
    ]) {
      w.ct.track(p, Hook.Prerouting);
      w.ct.confirm(p);
    }
    const told = lines();
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^\[1795167188\.241695\]\t {4}\[NEW\] udp /);
    w.wait(30_000);
    expect(lines().map(l => l.slice(20, 34))).toEqual(['[DESTROY] udp ']);
  });
});

/**
 * Several ways to one network, on the kernel and on `kubehop router run`, the same wires in turn. The key of the hash is random on both, so that no two agree on a
 * flow; what is compared is how flows are shared, and what belongs to one flow.
 * Needs: root, for namespaces that processes can be put into by name.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const KUBEHOP = resolve(import.meta.dirname, '../../../bin/kubehop');
const missing = process.getuid?.() === 0 ? undefined : 'not root';
const folder = mkdtempSync(join(tmpdir(), 'kubehop-multipath-'));
const env = { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run') };
const name = (short: string): string => `mp${process.pid}-${short}`;
const ip = (line: string): string => execFileSync('ip', line.split(' '), { stdio: 'pipe', encoding: 'utf8' });
const inside = (short: string, argv: readonly string[]) => spawnSync('ip', ['netns', 'exec', name(short), ...argv], { encoding: 'utf8' });

type Plane = 'kernel' | 'userspace';
const NAMESPACES = ['client', 'r', 'left', 'right'];
const PODS = '10.244.0.0/16';
const WEIGHTS = { left: 1, right: 3 };

/** Sends what it is told on stdin, a line each: `udp SPORT DST`, or `error DST SRC`: time exceeded to DST about a packet of DST to SRC. */
const SENDER = `
import socket, struct, sys, time
def total(b):
    s = sum(struct.unpack('!%dH' % (len(b) // 2), b))
    s = (s & 0xffff) + (s >> 16)
    return ~((s & 0xffff) + (s >> 16)) & 0xffff
sockets = {}
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
for line in sys.stdin:
    word, one, two = line.split()
    if word == 'udp':
        if one not in sockets:
            sockets[one] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sockets[one].bind(('0.0.0.0', int(one)))
        sockets[one].sendto(b'x', (two, 53))
    else:
        quoted = struct.pack('!BBHHHBBH4s4sHHHH', 0x45, 0, 29, 1, 0, 9, 17, 0, socket.inet_aton(one), socket.inet_aton(two), 53, 4000, 9, 0)
        body = struct.pack('!BBHI', 11, 0, 0, 0) + quoted
        raw.sendto(body[:2] + struct.pack('!H', total(body)) + body[4:], (one, 0))
    time.sleep(0.001)
`;

const started: ChildProcess[] = [];
async function until(what: string, holds: () => boolean, seen: () => string = () => ''): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited for ${what}: ${seen()}`);
    await new Promise(later => setTimeout(later, 20));
  }
}
function start(place: string, argv: readonly string[]): { child: ChildProcess; said: () => string } {
  const child = spawn('ip', ['netns', 'exec', name(place), ...argv], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', more => (text += more));
  return { child, said: () => text };
}

async function routerOn(plane: Plane, sysctl: Record<string, number>): Promise<void> {
  const all = { 'net.ipv4.ip_forward': plane === 'kernel' ? 1 : 0, ...(plane === 'kernel' ? sysctl : {}) };
  inside('r', ['sysctl', '-qw', ...Object.entries(all).map(([key, value]) => `${key}=${value}`)]);
  if (plane === 'kernel') {
    for (const [device, address] of [
      ['eth0', '203.0.113.1'],
      ['left', '10.0.1.1'],
      ['right', '10.0.2.1'],
    ] as const)
      ip(`-n ${name('r')} address add ${address}/24 dev ${device}`);
    ip(`-n ${name('r')} route add ${PODS} nexthop via 10.0.1.9 weight ${WEIGHTS.left} nexthop via 10.0.2.9 weight ${WEIGHTS.right}`);
    return;
  }
  const description = {
    ports: [
      { name: 'eth0', kind: 'packet', addresses: ['203.0.113.1/24'], offload: false },
      { name: 'left', kind: 'packet', addresses: ['10.0.1.1/24'], offload: false },
      { name: 'right', kind: 'packet', addresses: ['10.0.2.1/24'], offload: false },
    ],
    routes: [
      {
        to: PODS,
        nexthops: [
          { via: '10.0.1.9', weight: WEIGHTS.left },
          { via: '10.0.2.9', weight: WEIGHTS.right },
        ],
      },
    ],
    sysctl: { 'net.ipv4.ip_forward': 1, ...sysctl },
  };
  writeFileSync(join(folder, 'router.yaml'), JSON.stringify(description));
  const { said } = start('r', [KUBEHOP, 'router', 'run', join(folder, 'router.yaml')]);
  await until('the router', () => /router \d+ runs/.test(said()));
}

async function send(lines: readonly string[]): Promise<void> {
  const sender = spawn('ip', ['netns', 'exec', name('client'), 'python3', '-c', SENDER], { stdio: ['pipe', 'ignore', 'inherit'] });
  sender.stdin.end(`${lines.join('\n')}\n`);
  const [status] = await once(sender, 'close');
  expect(status).toBe(0);
}

/** Where each line of `lines` went: 'left' or 'right'. */
async function waysOf(lines: readonly string[]): Promise<string[]> {
  const captures = (['left', 'right'] as const).map(side => ({
    side,
    ...start(side, ['tcpdump', '-lnni', 'eth0', '-Q', 'in', 'udp or icmp']),
  }));
  for (const { said } of captures) await until('tcpdump', () => said().includes('listening on'));
  await send(lines);
  const heard = () =>
    captures.map(({ said }) =>
      said()
        .split('\n')
        .filter(line => line.includes(' > ')),
    );
  const short = () => `${heard().flat().length} of ${lines.length}: ${captures.map(({ said }) => said().slice(-300)).join('\n')}`;
  await until('all packets', () => heard().flat().length >= lines.length, short);
  for (const { child } of captures) child.kill('SIGTERM');
  const by = new Map<string, string>();
  for (const [i, side] of (['left', 'right'] as const).entries()) for (const line of heard()[i]!) by.set(keyOf(line), side);
  return lines.map(line => {
    const [word, one, two] = line.split(' ') as [string, string, string];
    return by.get(word === 'udp' ? `203.0.113.9.${one} > ${two}.53` : `203.0.113.9 > ${one}`)!;
  });
}
const keyOf = (line: string): string => /(\S+ > [^:]+):/.exec(line)![1]!;

const host = (i: number): string => `10.244.${i >> 8}.${i & 255}`;
const share = (ways: readonly string[]): number => ways.filter(way => way === 'left').length / ways.length;
const POLICY = 'net.ipv4.fib_multipath_hash_policy';

describe.skipIf(missing !== undefined)(`several ways to one network${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(() => mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 }));
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeEach(() => {
    for (const short of NAMESPACES) {
      ip(`netns add ${name(short)}`);
      inside(short, ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
    }
    for (const [device, far, address] of [
      ['eth0', 'client', '203.0.113.9'],
      ['left', 'left', '10.0.1.9'],
      ['right', 'right', '10.0.2.9'],
    ] as const) {
      ip(`link add ${device} netns ${name('r')} type veth peer name eth0 netns ${name(far)}`);
      ip(`-n ${name('r')} link set ${device} up`);
      ip(`-n ${name(far)} link set eth0 up`);
      ip(`-n ${name(far)} address add ${address}/24 dev eth0`);
    }
    ip(`-n ${name('client')} route add default via 203.0.113.1`);
  });
  afterEach(async () => {
    const all = started.splice(0);
    const running = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null;
    for (const child of all) if (running(child)) child.kill('SIGTERM');
    await until('everything to end', () => !all.some(running));
    for (const short of NAMESPACES) ip(`netns delete ${name(short)}`);
  });

  const both = test.each<Plane>(['kernel', 'userspace']);

  both('by addresses (%s): a quarter of the hosts, whatever the port; an error goes with its flow', async plane => {
    await routerOn(plane, { [POLICY]: 0 });
    const hosts = Array.from({ length: 800 }, (_, i) => host(i + 2));
    const ways = await waysOf(hosts.map(dst => `udp 4000 ${dst}`));
    // Three standard deviations of 800 draws.
    expect(Math.abs(share(ways) - WEIGHTS.left / (WEIGHTS.left + WEIGHTS.right))).toBeLessThan(0.046);
    const few = hosts.slice(0, 60);
    expect(await waysOf(few.map((dst, i) => `udp ${5000 + i} ${dst}`))).toEqual(ways.slice(0, 60));
    expect(await waysOf(few.map(dst => `error ${dst} 203.0.113.9`))).toEqual(ways.slice(0, 60));
  });

  both('by ports as well (%s): a quarter of the connections of two hosts', async plane => {
    await routerOn(plane, { [POLICY]: 1 });
    const flows = Array.from({ length: 400 }, (_, i) => `udp ${4000 + i} 10.244.1.5`);
    const ways = await waysOf(flows);
    expect(Math.abs(share(ways) - WEIGHTS.left / (WEIGHTS.left + WEIGHTS.right))).toBeLessThan(0.065);
    expect(await waysOf(flows)).toEqual(ways);
  });

  both('a next hop that answers no ARP (%s) is left out with fib_multipath_use_neigh', async plane => {
    await routerOn(plane, { [POLICY]: 0, 'net.ipv4.fib_multipath_use_neigh': 1 });
    ip(`-n ${name('right')} address del 10.0.2.9/24 dev eth0`);
    const lines = Array.from({ length: 60 }, (_, i) => `udp 4000 ${host(i + 2)}`);
    await send(lines);
    await new Promise(later => setTimeout(later, 3500)); // three questions, a second apart
    expect(new Set(await waysOf(lines))).toEqual(new Set(['left']));
  });
});

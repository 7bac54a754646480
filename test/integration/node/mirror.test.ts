/**
 * Routes of a routing daemon, followed by `kubehop router run`: BIRD as it is, beside a kernel node with another one; and what anybody else may write into the
 * namespace's kernel table.
 * Needs: root, for namespaces that processes can be put into by name; bird2.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const KUBEHOP = resolve(import.meta.dirname, '../../../bin/kubehop');
const has = (program: string): boolean => spawnSync('which', [program], { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } }).status === 0;
const missing = process.getuid?.() !== 0 ? 'not root' : has('bird') ? undefined : 'no bird2 on this machine';
const folder = mkdtempSync(join(tmpdir(), 'kubehop-mirror-'));
const env = { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run') };
const name = (short: string): string => `mir${process.pid}-${short}`;
const ip = (line: string): string => execFileSync('ip', line.split(' '), { stdio: 'pipe', encoding: 'utf8' });
const inside = (short: string, argv: readonly string[]) => spawnSync('ip', ['netns', 'exec', name(short), ...argv], { encoding: 'utf8' });
const birdc = (node: string, ...words: string[]): string =>
  spawnSync('/usr/sbin/birdc', ['-s', join(folder, `${node}.ctl`), ...words], { encoding: 'utf8' }).stdout;

const POOL = '10.244.0.0/16';
/** A node's own block, and BGP with the other node. */
const birdConfig = (node: 1 | 2, more: string): string => `
log stderr { fatal };
router id 192.168.56.1${node};
protocol device { scan time 1; }
protocol direct { ipv4; interface "eth0"; }
protocol static own { ipv4; route 10.244.${node}.0/26 blackhole; }
protocol kernel { learn; scan time 1; ipv4 { import all; export where source ~ [ RTS_BGP, RTS_STATIC ]; }; }
protocol bgp peer {
  local 192.168.56.1${node} as 64512;
  neighbor 192.168.56.1${3 - node} as 64512;
  multihop; ${more}
  connect delay time 1; connect retry time 1; error wait time 1, 1;
  ipv4 { import all; export where proto = "own"; };
}
`;

/** eth0 of the router's namespace leads to the kernel node; each has a pod as Calico wires it. */
const description = (mirror: string): string => `
ports:
  - {name: eth0, kind: packet, addresses: [192.168.56.11/24], offload: false}
  - {name: cali1, kind: packet, offload: false}
  - {name: tun0, kind: tun, offload: false}
ipip:
  - {name: tunl0, local: 192.168.56.11, addresses: [10.244.1.0/32]}
routes:
  - {to: 10.244.1.2/32, dev: cali1}
  - {to: default, via: 192.168.56.12}
mirror: {${mirror}}
sysctl: {net.ipv4.ip_forward: 1, net.ipv4.conf.cali1.proxy_arp: 1}
`;

const started: ChildProcess[] = [];
let router: ChildProcess;
let stderr = '';

async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited for ${what}; the router said: ${stderr}`);
    await new Promise(later => setTimeout(later, 50));
  }
}

async function startRouter(mirror = ''): Promise<void> {
  writeFileSync(join(folder, 'router.yaml'), description(mirror));
  stderr = '';
  router = spawn('ip', ['netns', 'exec', name('n1'), KUBEHOP, 'router', 'run', join(folder, 'router.yaml')], { env });
  started.push(router);
  router.stderr!.setEncoding('utf8').on('data', text => {
    stderr += text;
  });
  await until('the router', () => /router \d+ runs/.test(stderr));
}

function startBird(node: 1 | 2, more = ''): ChildProcess {
  const place = `n${node}`;
  writeFileSync(join(folder, `${place}.conf`), birdConfig(node, more));
  const socket = join(folder, `${place}.ctl`);
  const words = ['/usr/sbin/bird', '-f', '-c', join(folder, `${place}.conf`), '-s', socket];
  const bird = spawn('ip', ['netns', 'exec', name(place), ...words], { stdio: 'ignore' });
  started.push(bird);
  return bird;
}

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;
const established = (): boolean => ['n1', 'n2'].every(node => / Established/.test(birdc(node, 'show', 'protocols', 'peer')));
const ping = (dst: string): string => inside('p1', ['ping', '-n', '-c', '1', '-W', '1', dst]).stdout;
const answers = (dst: string): boolean => ping(dst).includes(' 0% packet loss');
/** The router knows no way there but the default, and the kernel node has none back. */
const socketRoutes = (): string => inside('n1', ['ip', 'route', 'show', 'table', '10']).stdout;
const traces = (): string =>
  inside('n1', ['sh', '-c', 'ip rule; ip route show table all | grep -v ff00; ip -o -4 address; nft list ruleset; ls /sys/class/net'])
    .stdout;

describe.skipIf(missing !== undefined)(`the routes of a routing daemon${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(() => mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 }));
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeEach(() => {
    for (const short of ['n1', 'n2', 'p1', 'p2']) {
      ip(`netns add ${name(short)}`);
      inside(short, ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
      ip(`-n ${name(short)} link set lo up`);
    }
    ip(`link add eth0 netns ${name('n1')} type veth peer name eth0 netns ${name('n2')}`);
    for (const n of [1, 2]) {
      ip(`link add cali${n} netns ${name(`n${n}`)} type veth peer name eth0 netns ${name(`p${n}`)}`);
      for (const device of ['eth0', `cali${n}`]) ip(`-n ${name(`n${n}`)} link set ${device} up`);
      ip(`-n ${name(`p${n}`)} link set eth0 up`);
      ip(`-n ${name(`p${n}`)} address add 10.244.${n}.2/32 dev eth0`);
      ip(`-n ${name(`p${n}`)} route add 169.254.1.1 dev eth0 scope link`);
      ip(`-n ${name(`p${n}`)} route add default via 169.254.1.1 dev eth0`);
    }
    ip(`-n ${name('n2')} address add 192.168.56.12/24 dev eth0`);
    ip(`-n ${name('n2')} route add 10.244.2.2 dev cali2`);
    ip(`-n ${name('n2')} route add default via 192.168.56.11`);
    inside('n2', ['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv4.conf.cali2.proxy_arp=1', 'net.ipv4.neigh.cali2.proxy_delay=0']);
  });

  afterEach(async () => {
    const all = started.splice(0);
    for (const child of all) if (!ended(child)) child.kill('SIGTERM');
    await until('everything to end', () => all.every(ended));
    for (const short of ['n1', 'n2', 'p1', 'p2']) ip(`netns delete ${name(short)}`);
  });

  test.each([
    { opens: 'the router node', n1: '', n2: 'passive;' },
    { opens: 'the kernel node', n1: 'passive;', n2: '' },
  ])('BIRD meets BIRD whichever begins: $opens', async ({ n1, n2 }) => {
    await startRouter();
    startBird(1, n1);
    startBird(2, n2);
    await until('the session', established);
    const here = inside('n1', ['ss', '-Htn', 'state', 'established', n1 === '' ? 'dport = :179' : 'sport = :179']).stdout;
    expect(here).toMatch(/192\.168\.56\.11:\d+\s+192\.168\.56\.12:\d+/);
    await until(
      'both blocks',
      () => birdc('n1', 'show', 'route').includes('10.244.2.0/26') && birdc('n2', 'show', 'route').includes('10.244.1.0/26'),
    );
    expect(inside('n1', ['ip', 'route', 'show', 'proto', '12']).stdout).toContain('10.244.2.0/26 via 192.168.56.12 dev eth0');
  });

  test("what it learns the router uses: pods and the node's own sockets reach each other, and no more when it is withdrawn", async () => {
    await startRouter();
    startBird(1);
    startBird(2);
    await until('the block of the other node', () => socketRoutes().includes('10.244.2.0/26'));
    await until('an answer', () => answers('10.244.2.2'));
    expect(inside('n1', ['ping', '-c', '1', '-W', '2', '10.244.2.2']).stdout).toContain(' 0% packet loss');
    // Of the node's own block there is nothing but the pod.
    expect(inside('n1', ['ping', '-c', '1', '-W', '1', '10.244.1.9']).stderr).toContain('Invalid argument');
    birdc('n2', 'disable', 'own');
    await until('the withdrawal', () => !socketRoutes().includes('10.244.2.0/26'));
    birdc('n2', 'enable', 'own');
    await until('the block again', () => answers('10.244.2.2'));
    startedLast().kill('SIGKILL');
    await until('the route of a neighbour that has gone', () => !socketRoutes().includes('10.244.2.0/26'));
  });

  test('of all that a kernel table holds, a daemon it is not: the rest is followed as it changes', async () => {
    const say = (line: string): string => ip(`-n ${name('n1')} route ${line}`);
    ip(`-n ${name('n1')} address add 192.168.56.11/24 dev eth0`);
    say('add blackhole 10.244.7.0/26 proto static');
    await startRouter();
    await until('what was there before', () => socketRoutes().includes('blackhole 10.244.7.0/26'));
    say('add 10.244.8.0/26 via 192.168.56.12 dev eth0');
    say('add 10.244.9.0/26 via 192.168.56.12 dev eth0 proto zebra metric 20');
    await until('a route of zebra', () => socketRoutes().includes('10.244.9.0/26'));
    expect(socketRoutes()).not.toContain('10.244.8.0/26');
    say('replace unreachable 10.244.9.0/26 proto zebra metric 20');
    await until('another in its place', () => socketRoutes().includes('unreachable 10.244.9.0/26'));
    say('del blackhole 10.244.7.0/26 proto static');
    await until('one that has gone', () => !socketRoutes().includes('10.244.7.0/26'));
    // Routes that go with a link are not told of.
    say('add 10.244.10.0/26 via 192.168.56.12 dev eth0 proto bird');
    await until('a route of BIRD', () => socketRoutes().includes('10.244.10.0/26'));
    ip(`-n ${name('n1')} link set eth0 down`);
    await until('what went with its link', () => !socketRoutes().includes('10.244.10.0/26'));
  });

  test('many at once: none is lost', async () => {
    await startRouter();
    const lines = Array.from({ length: 5000 }, (_, i) => `route add 10.${i >> 8}.${i & 255}.0/24 via 192.168.56.12 dev eth0 proto bird`);
    const batch = (text: string[]) =>
      execFileSync('ip', ['-n', name('n1'), '-batch', '-'], { input: text.join('\n'), stdio: ['pipe', 'ignore', 'inherit'] });
    const count = (): number =>
      socketRoutes()
        .split('\n')
        .filter(line => /^10\.\d+\.\d+\.0\/24 /.test(line)).length;
    batch(lines);
    await until('all of them', () => count() === 5000);
    batch(lines.slice(1000).map(line => line.replace('add', 'del')));
    await until('those that stay', () => count() === 1000);
  });

  test('through the tunnel: wrapped for the next hop that the daemon has named', async () => {
    await startRouter(`tunnel: tunl0, mode: always, pool: ${POOL}`);
    startBird(1);
    startBird(2);
    const capture = spawn('ip', ['netns', 'exec', name('n2'), 'tcpdump', '-lnni', 'eth0', 'ip', 'proto', '4'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    started.push(capture);
    let seen = '';
    capture.stdout!.setEncoding('utf8').on('data', text => {
      seen += text;
    });
    await until('the route', () => socketRoutes().includes('10.244.2.0/26 dev tun0 scope link src 10.244.1.0 mtu 1480'));
    await until('a packet in the tunnel', () => {
      ping('10.244.2.2');
      return seen.includes('192.168.56.11 > 192.168.56.12: IP 10.244.1.2 > 10.244.2.2: ICMP echo request');
    });
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s leaves nothing of it', async signal => {
    const before = traces();
    await startRouter();
    const [, pid] = /router (\d+) runs/.exec(stderr)!;
    expect(traces()).not.toBe(before);
    process.kill(Number(pid), signal);
    await until('its end', () => ended(router));
    await until('what it leaves', () => traces() === before);
  });
});

const startedLast = (): ChildProcess => started.at(-1)!;

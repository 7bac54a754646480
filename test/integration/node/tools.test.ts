/**
 * iptables and conntrack on a router that runs: between two namespaces, with real packets.
 * Needs: root, for namespaces that processes can be put into by name.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const KUBEHOP = resolve(import.meta.dirname, '../../../bin/kubehop');
const missing = process.getuid?.() === 0 ? undefined : 'not root';
const title = `a running router${missing ? ` (skipped: ${missing})` : ''}`;

const folder = mkdtempSync(join(tmpdir(), 'kubehop-tools-'));
const env = { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run') };
const name = (short: string): string => `tools${process.pid}-${short}`;
const ip = (line: string): void => void execFileSync('ip', line.split(' '), { stdio: 'pipe' });
const inside = (short: string, argv: readonly string[]) => spawnSync('ip', ['netns', 'exec', name(short), ...argv], { encoding: 'utf8' });

const DESCRIPTION = `
ports:
  - {name: eth0, kind: packet, addresses: [192.168.56.11/24], offload: false}
  - {name: cni0, kind: packet, addresses: [10.244.1.1/24], offload: false}
sysctl: {net.ipv4.ip_forward: 1}
`;

let router: ChildProcess;
let pid = 0;

/** A line of a child's output that matches. */
function said(child: ChildProcess, stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((found, reject) => {
    let text = '';
    child[stream]!.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      const m = pattern.exec(text);
      if (m) found(m);
    });
    child.once('exit', code => reject(new Error(`it ended with ${code}: ${text}`)));
  });
}

function kubehop(words: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(KUBEHOP, [...words, '--pid', String(pid)], { env, input, encoding: 'utf8' });
  return { status, stdout, stderr };
}
const iptables = (line: string) => kubehop(['iptables', ...line.split(' ')]);
const well = { status: 0, stdout: '', stderr: '' };
const ping = (count: number) => inside('a', ['ping', '-q', '-c', String(count), '-i', '0.2', '-W', '1', '10.244.1.2']).stdout;

describe.skipIf(missing !== undefined)(title, () => {
  beforeAll(async () => {
    mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
    for (const short of ['r', 'a', 'b']) {
      ip(`netns add ${name(short)}`);
      inside(short, ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
    }
    ip(`link add eth0 netns ${name('r')} type veth peer name eth0 netns ${name('a')}`);
    ip(`link add cni0 netns ${name('r')} type veth peer name eth0 netns ${name('b')}`);
    for (const line of ['r link set eth0 up', 'r link set cni0 up', 'a link set eth0 up', 'b link set eth0 up', 'b link set lo up'])
      ip(`-n ${name(line[0]!)} ${line.slice(2)}`);
    ip(`-n ${name('a')} addr add 192.168.56.9/24 dev eth0`);
    ip(`-n ${name('a')} route add default via 192.168.56.11`);
    ip(`-n ${name('b')} addr add 10.244.1.2/24 dev eth0`);
    ip(`-n ${name('b')} route add default via 10.244.1.1`);
    writeFileSync(join(folder, 'router.yaml'), DESCRIPTION);
    const words = ['netns', 'exec', name('r'), KUBEHOP, 'router', 'run', join(folder, 'router.yaml')];
    router = spawn('ip', words, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    pid = Number((await said(router, 'stderr', /router (\d+) runs/))[1]);
  });
  afterAll(async () => {
    if (router?.exitCode === null) {
      const ended = new Promise(resolve => router.once('exit', resolve));
      process.kill(pid, 'SIGTERM');
      await ended;
    }
    for (const short of ['r', 'a', 'b']) ip(`netns del ${name(short)}`);
    rmSync(folder, { recursive: true });
  });

  test('drops what a new rule drops, from then on, and lets it pass when the rule is gone', () => {
    expect(ping(2)).toContain(' 0% packet loss');
    expect(iptables('-A FORWARD -p icmp -j DROP')).toEqual(well);
    expect(ping(2)).toContain(' 100% packet loss');
    expect(iptables('-C FORWARD -p icmp -j DROP')).toEqual(well);
    expect(iptables('-D FORWARD -p icmp -j DROP')).toEqual(well);
    expect(iptables('-C FORWARD -p icmp -j DROP')).toMatchObject({
      status: 1,
      stderr: 'iptables: Bad rule (does a matching rule exist in that chain?).\n',
    });
    expect(ping(2)).toContain(' 0% packet loss');
  });

  test('counts, shows the counters, and keeps them through a change of other rules', () => {
    iptables('-A FORWARD -p icmp --icmp-type echo-request -j ACCEPT');
    ping(3);
    expect(iptables('-nvxL FORWARD --line-numbers').stdout).toMatch(/^1 +3 +252 ACCEPT +1 /m);
    iptables('-A FORWARD -p udp -j ACCEPT');
    ping(2);
    expect(kubehop(['iptables-save', '-c', '-t', 'filter']).stdout).toContain(
      '[5:420] -A FORWARD -p icmp -m icmp --icmp-type 8 -j ACCEPT\n[0:0] -A FORWARD -p udp -j ACCEPT\n',
    );
    expect(iptables('-Z FORWARD')).toEqual(well);
    expect(kubehop(['iptables-save', '-c']).stdout).toContain('[0:0] -A FORWARD -p icmp');
    iptables('-F FORWARD');
  });

  test('takes rules from iptables-restore, and nothing of a text with a mistake', () => {
    const nat = '*nat\n-A POSTROUTING -o cni0 -j MASQUERADE\nCOMMIT\n';
    expect(kubehop(['iptables-restore', '-n'], nat)).toEqual(well);
    // Without the lines that tell the time.
    const saved = (): string => kubehop(['iptables-save']).stdout.replace(/^#.*\n/gm, '');
    const before = saved();
    expect(before).toContain('-A POSTROUTING -o cni0 -j MASQUERADE');
    const broken = kubehop(['iptables-restore'], `${nat}*filter\n-A FORWARD -p tcp --dport 99999 -j DROP\nCOMMIT\n`);
    expect(broken).toMatchObject({ status: 2, stderr: expect.stringContaining('stdin:5:') });
    expect(saved()).toBe(before);
  });

  test('shows connections, follows them, and removes them', async () => {
    kubehop(['conntrack', '-F']);
    const events = spawn(KUBEHOP, ['conntrack', '--pid', String(pid), '-E', '-p', 'icmp', '-o', 'id'], { env, stdio: 'pipe' });
    // The first event of a flow that begins after it listens: flows are begun until then.
    const heard = said(events, 'stdout', /\[NEW\] icmp .*src=192\.168\.56\.9 dst=10\.244\.1\.2 .*id=\d+/);
    let listening = true;
    void heard.finally(() => {
      listening = false;
    });
    while (listening) {
      ping(1);
      await new Promise(setImmediate);
    }
    await heard;
    const ended = new Promise(resolve => events.once('exit', resolve));
    events.kill('SIGINT');
    expect(await ended).toBe(130);

    const { stdout, stderr } = kubehop(['conntrack', '-L', '-p', 'icmp']);
    expect(stdout).toMatch(/^icmp +1 \d+ src=192\.168\.56\.9 dst=10\.244\.1\.2 type=8 code=0 id=\d+ src=10\.244\.1\.2 dst=10\.244\.1\.1 /m);
    expect(stderr).toContain('flow entries have been shown.');
    expect(kubehop(['conntrack', '-D', '-p', 'icmp']).status).toBe(0);
    expect(kubehop(['conntrack', '-C']).stdout).toBe('0\n');
    expect(kubehop(['conntrack', '-D', '-p', 'icmp']).status).toBe(1);
    expect(kubehop(['conntrack', '-L', '--nosuch']).status).toBe(2);
  });

  test('that is not there is said', () => {
    const { status, stderr } = spawnSync(KUBEHOP, ['iptables', '--pid', '1', '-L'], { env, encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain('error ROUTER_UNKNOWN: no router listens at');
  });
});

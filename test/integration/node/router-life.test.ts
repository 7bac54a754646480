/**
 * The life of `kubehop router run` on wires of its own: rules read again, a device that goes away, and what is left when it ends.
 * Needs: root, for namespaces that processes can be put into by name.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';

const KUBEHOP = resolve(import.meta.dirname, '../../../bin/kubehop');
const missing = process.getuid?.() === 0 ? undefined : 'not root';
const folder = mkdtempSync(join(tmpdir(), 'kubehop-life-'));
const env = { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run') };
const name = (short: string): string => `life${process.pid}-${short}`;
const ip = (line: string): string => execFileSync('ip', line.split(' '), { stdio: 'pipe', encoding: 'utf8' });
const inside = (short: string, argv: readonly string[]) => spawnSync('ip', ['netns', 'exec', name(short), ...argv], { encoding: 'utf8' });

const DESCRIPTION = `
ports:
  - {name: eth0, kind: packet, addresses: [192.168.56.11/24], offload: false}
  - {name: cni0, kind: packet, addresses: [10.244.1.1/24], offload: false}
  - {name: tun0, kind: tun, offload: false}
rules: rules.v4
sysctl: {net.ipv4.ip_forward: 1}
`;
const filter = (rule: string): string => `*filter\n:FORWARD ACCEPT [0:0]\n${rule}\nCOMMIT\n`;
const NEW_ONLY = filter('-A FORWARD -m conntrack --ctstate NEW -j DROP');

let router: ChildProcess;
let pid = 0;
let stderr = '';

/** Waits until the router has said it; its words so far stay in `stderr`. */
async function said(pattern: RegExp): Promise<void> {
  const end = performance.now() + 10_000;
  while (!pattern.test(stderr)) {
    if (performance.now() > end || router.exitCode !== null) throw new Error(`waited for ${pattern}, got: ${stderr}`);
    await new Promise(resolveLater => setTimeout(resolveLater, 20));
  }
}

/** What a router may change in its namespace. */
const traces = (): string =>
  inside('r', ['sh', '-c', 'ip rule; ip route show table all; nft list ruleset; ls /sys/class/net; sysctl -a 2>/dev/null | grep rp_filter'])
    .stdout;
const links = (): string[] =>
  inside('r', ['ip', '-o', 'link'])
    .stdout.match(/^\d+: [^:@]+/gm)!
    .map(line => line.replace(/^\d+: /, ''));
const ping = (from: string, to: string): boolean => inside(from, ['ping', '-q', '-c', '1', '-W', '1', to]).status === 0;

describe.skipIf(missing !== undefined)(`the life of a router${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let before = '';

  beforeAll(() => mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 }));
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeEach(async () => {
    for (const short of ['r', 'a', 'b']) {
      ip(`netns add ${name(short)}`);
      inside(short, ['sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1']);
      ip(`-n ${name(short)} link set lo up`);
    }
    ip(`link add eth0 netns ${name('r')} type veth peer name eth0 netns ${name('a')}`);
    ip(`link add cni0 netns ${name('r')} type veth peer name eth0 netns ${name('b')}`);
    for (const [short, device] of [
      ['r', 'eth0'],
      ['r', 'cni0'],
      ['a', 'eth0'],
      ['b', 'eth0'],
    ])
      ip(`-n ${name(short!)} link set ${device} up`);
    ip(`-n ${name('a')} addr add 192.168.56.9/24 dev eth0`);
    ip(`-n ${name('a')} route add default via 192.168.56.11`);
    ip(`-n ${name('b')} addr add 10.244.1.2/24 dev eth0`);
    ip(`-n ${name('b')} route add default via 10.244.1.1`);
    writeFileSync(join(folder, 'router.yaml'), DESCRIPTION);
    writeFileSync(join(folder, 'rules.v4'), filter(''));
    before = traces();
    stderr = '';
    router = spawn('ip', ['netns', 'exec', name('r'), KUBEHOP, 'router', 'run', join(folder, 'router.yaml')], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    router.stderr!.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    await said(/router \d+ runs/);
    pid = Number(/router (\d+) runs/.exec(stderr)![1]);
  });

  afterEach(async () => {
    if (router.exitCode === null && router.signalCode === null) {
      router.kill('SIGKILL');
      await new Promise(ended => router.once('exit', ended));
    }
    for (const short of ['r', 'a', 'b']) ip(`netns del ${name(short)}`);
  });

  const reload = () => spawnSync(KUBEHOP, ['router', 'reload', '--pid', String(pid)], { env, encoding: 'utf8' });

  test('loads rules again while connections go on; a text that does not parse changes nothing and says where it is wrong', async () => {
    writeFileSync(join(folder, 'rules.v4'), filter('-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT'));
    expect(reload()).toMatchObject({ status: 0, stdout: 'routes and rules loaded\n' });
    const flow = ['ping', '-i', '0.2', '-W', '1', '-c'];
    const running = spawn('ip', ['netns', 'exec', name('a'), ...flow, '15', '10.244.1.2'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let answers = '';
    const ended = new Promise(resolve => running.once('close', resolve));
    await new Promise<void>(first =>
      running.stdout!.setEncoding('utf8').on('data', text => {
        answers += text;
        if (answers.includes('bytes from')) first();
      }),
    );
    writeFileSync(join(folder, 'rules.v4'), NEW_ONLY);
    process.kill(pid, 'SIGHUP');
    await said(/routes and rules loaded/);
    await ended;
    expect(answers).toContain(' 15 received');
    expect(ping('a', '10.244.1.2')).toBe(false);

    writeFileSync(join(folder, 'rules.v4'), filter('-A FORWARD -p tcp --dport 99999 -j ACCEPT'));
    const refused = reload();
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/rules\.v4:3:\d+: /);
    expect(refused.stderr).toContain('the rules that were in force stay in force');
    expect(ping('a', '10.244.1.2')).toBe(false);
    process.kill(pid, 'SIGHUP');
    await said(/error RULES: .*rules\.v4:3/);
  });

  test('takes routes from the description again, and says what takes a new start', async () => {
    writeFileSync(join(folder, 'rules.v4'), filter(''));
    const elsewhere = 'routes: [{to: 10.244.9.0/24, type: unreachable}]\nsysctl: {net.ipv4.ip_forward: 0}\n';
    writeFileSync(join(folder, 'router.yaml'), DESCRIPTION.replace(/^sysctl:.*\n/m, '') + elsewhere);
    expect(reload()).toMatchObject({ status: 0, stdout: expect.stringContaining('sysctl has changed, which takes a new start') });
    const unreachable = spawnSync('ip', ['netns', 'exec', name('a'), 'ping', '-c1', '-W1', '10.244.9.9'], { encoding: 'utf8' });
    expect(unreachable.stdout).toContain('Destination Host Unreachable');
    writeFileSync(join(folder, 'router.yaml'), DESCRIPTION.replace(/^sysctl:.*\n/m, '') + elsewhere.replace('unreachable', 'prohibit'));
    expect(reload()).toMatchObject({ status: 0 });
    const prohibited = spawnSync('ip', ['netns', 'exec', name('a'), 'ping', '-c1', '-W1', '10.244.9.9'], { encoding: 'utf8' });
    expect(prohibited.stdout).toContain('Packet filtered');
    expect(ping('a', '10.244.1.2')).toBe(true);
  });

  test('says once that a device has gone, and the others go on', async () => {
    ip(`-n ${name('r')} link del cni0`);
    await said(/cni0.*the other devices go on/);
    expect(ping('a', '192.168.56.11')).toBe(true);
    expect(stderr.match(/the other devices go on/g)).toHaveLength(1);
  });

  test('the node reaches its own addresses and its neighbours through the router', () => {
    for (const to of ['127.0.0.1', '192.168.56.11', '10.244.1.2', '192.168.56.9']) expect([to, ping('r', to)]).toEqual([to, true]);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends it and puts back what it changed', async signal => {
    expect(traces()).not.toBe(before);
    process.kill(pid, signal);
    const code = await new Promise(ended => router.once('exit', ended));
    expect(code).toBe(0);
    expect(traces()).toBe(before);
    expect(links()).toEqual(['lo', 'eth0', 'cni0']);
  });

  test('kill -9 leaves nothing behind either, and the next one works', async () => {
    process.kill(pid, 'SIGKILL');
    await new Promise(ended => router.once('exit', ended));
    expect(links()).toEqual(['lo', 'eth0', 'cni0']);
    // The guardian needs a moment; nobody tells when it is done.
    for (const end = performance.now() + 5000; traces() !== before && performance.now() < end; )
      await new Promise(later => setTimeout(later, 50));
    expect(traces()).toBe(before);
    expect(readdirSync(join(env.XDG_RUNTIME_DIR, 'kubehop'))).toEqual([]);
    stderr = '';
    router = spawn('ip', ['netns', 'exec', name('r'), KUBEHOP, 'router', 'run', join(folder, 'router.yaml')], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    router.stderr!.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    await said(/router \d+ runs/);
    pid = Number(/router (\d+) runs/.exec(stderr)![1]);
    expect(ping('a', '10.244.1.2')).toBe(true);
    expect(ping('r', '127.0.0.1')).toBe(true);
    process.kill(pid, 'SIGTERM');
    await new Promise(ended => router.once('exit', ended));
    expect(traces()).toBe(before);
  });
});

/** A node as its owner would look at it: collected by scripts/collect, walked without the node, and compared with what its kernel says. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TraceTextReader } from '../../src/lab/plane/kernel-trace-text.ts';
import type { Story } from '../../src/walk/story.ts';
import { Kubehop, lacking, title } from './support.ts';

const COLLECT = fileURLToPath(new URL('../../scripts/collect', import.meta.url));
const MANIFEST = fileURLToPath(new URL('../../labs/07-nodeport/web.yaml', import.meta.url));
const PACKET = 'tcp 203.0.113.9:40123 > 192.168.56.11:30080';
const hasStrace = spawnSync('strace', ['-V']).error === undefined;
const MARKING = `table ip look {
  chain in { type filter hook prerouting priority -350; tcp sport 40123-40199 meta nftrace set 1; }
}`;

describe.skipIf(lacking !== '')(title('walk on the files of a node'), () => {
  const kubehop = new Kubehop();
  const folder = mkdtempSync(join(tmpdir(), 'collect-'));
  const node = join(folder, 'node1');
  const walk = (dir: string, ...more: string[]) => kubehop.run('walk', '--collected', dir, '--packet', PACKET, '--in', 'eth0', ...more);
  const copy = (name: string): string => {
    cpSync(node, join(folder, name), { recursive: true });
    return join(folder, name);
  };
  let trace = '';

  beforeAll(async () => {
    expect(await kubehop.run('lab', 'up', '07', '--on', 'kernel')).toMatchObject({ code: 0 });
    const command = ['exec', 'node1', '--'];
    mkdirSync(node); // made before, so that all that is made later is the collector's
    const collected = await kubehop.run(
      ...command,
      ...(hasStrace ? ['strace', '-f', '-o', join(folder, 'calls')] : []),
      'sh',
      COLLECT,
      node,
    );
    expect(collected).toMatchObject({ code: 0 });
    const file = join(folder, 'trace');
    writeFileSync(join(folder, 'mark'), MARKING);
    const monitor = kubehop.start(...command, 'sh', '-c', `nft -f ${folder}/mark; exec timeout 12 xtables-monitor --trace > ${file}`);
    // The monitor says nothing when it listens: asked until it has told of a packet, each time from another port.
    const deadline = performance.now() + 15_000;
    while (!trace.includes('KUBE-SEP-') && performance.now() < deadline) {
      const ask = ['curl', '-s', '--max-time', '1', '--local-port', '40123-40199', 'http://192.168.56.11:30080/'];
      await kubehop.run('exec', 'client', '--', ...ask);
      trace = existsSync(file) ? readFileSync(file, 'utf8') : '';
    }
    expect(trace).toContain('KUBE-SEP-');
    await monitor.done;
    trace = readFileSync(file, 'utf8');
  }, 90_000);
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    rmSync(folder, { recursive: true, force: true });
    kubehop.close();
  });

  test('takes the path that the kernel of the node tells of the same packet, with names and origins', async () => {
    const { code, stdout } = await walk(node, '--objects', MANIFEST, '--json');
    expect(code).toBe(0);
    const story = JSON.parse(stdout) as Story;
    const reader = new TraceTextReader('node1', 'look');
    reader.take(trace, 0n);
    const first = reader.lines.find(line => line.kind === 'packet' && line.header!.flags === 'SYN' && line.header!.srcPort! >= 40_123)!;
    const told = reader.lines.flatMap(line =>
      line.packet === first.packet && line.kind === 'rule' && line.event === 'matched'
        ? [`${line.rule!.table} -A ${line.rule!.chain} ${line.rule!.text}`]
        : [],
    );
    const walked = story.events.flatMap(e => (e.event === 'rule' ? [`${e.table} ${e.text}`] : []));
    expect(told.length).toBeGreaterThan(6);
    expect(walked).toEqual(told);
    expect(story.outcome).toMatchObject({ verdict: 'ACCEPT', fate: 'forwarded', out: 'flannel.1' });
    expect(story.undecided).toBe(0);
    expect(story.names).toMatchObject({ '10.244.2.2': 'Pod default/pod-b' });
    const origins = story.events.flatMap(e => (e.event === 'rule' && e.chain === 'KUBE-NODEPORTS' ? [e.origin] : []));
    expect(origins).toEqual([expect.stringMatching(/^Service default\/\S+ field spec\.ports\[0\]\.nodePort/)]);
  });

  test('a connection that the node knew goes its old way, past the nat rules', async () => {
    const dir = copy('known');
    const entry =
      'ipv4     2 tcp      6 431999 ESTABLISHED src=203.0.113.9 dst=192.168.56.11 sport=40123 dport=30080 src=10.244.2.77 dst=10.244.1.0 sport=8080 dport=5555 [ASSURED] mark=0 use=1\n';
    writeFileSync(join(folder, 'entries'), entry);
    const { code, stdout } = await kubehop.run(
      'walk',
      '--collected',
      dir,
      '--packet',
      `${PACKET} ack`,
      '--in',
      'eth0',
      '--conntrack',
      join(folder, 'entries'),
      '--json',
    );
    expect(code).toBe(0);
    const story = JSON.parse(stdout) as Story;
    expect(story.events.find(e => e.event === 'conntrack')).toMatchObject({ state: 'ESTABLISHED' });
    expect(story.outcome.packet).toMatchObject({
      source: { address: '10.244.1.0', port: 5555 },
      destination: { address: '10.244.2.77', port: 8080 },
    });
    expect(story.events.some(e => e.event === 'rule' && e.table === 'nat')).toBe(false);
  });

  test.each([
    ['manifest', (text: string) => text.replace('kubehop-collect 1', 'kubehop-collect 9'), 'it is of version 9 and this kubehop reads 1'],
    ['manifest', (text: string) => text.replace(/end\n$/, ''), 'its last line is not "end"'],
    ['rules', (text: string) => text.slice(0, text.length / 2), 'rules is cut short or was changed'],
    ['addr', (text: string) => text.slice(0, 40), 'addr is cut short or was changed: 40 bytes'],
  ])('says so when %s is not as it was collected', async (name, change, words) => {
    const dir = copy(`bad-${name}-${words.length}`);
    writeFileSync(join(dir, name), change(readFileSync(join(dir, name), 'utf8')));
    const { code, stderr } = await walk(dir);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });

  test('says so when the node has rules of both kinds of iptables', async () => {
    const dir = copy('both');
    const other =
      '# Generated by iptables-save v1.8.9 on Fri\n*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j ACCEPT\nCOMMIT\n# Completed on Fri\n';
    writeFileSync(join(dir, 'rules-other'), other);
    const manifest = readFileSync(join(dir, 'manifest'), 'utf8');
    writeFileSync(join(dir, 'manifest'), manifest.replace(/end\n$/, `file rules-other ${other.length}\nend\n`));
    const { code, stderr } = await walk(dir);
    expect(code).toBe(2);
    expect(stderr).toContain('rules of iptables-legacy and of iptables-nft at once');
    expect(stderr).toContain('and 1 of legacy');
  });

  test.skipIf(!hasStrace)('the collector opens nothing for writing but its own files, and changes nothing by name', () => {
    const calls = readFileSync(join(folder, 'calls'), 'utf8').split('\n');
    const writes = calls.filter(line => /open(at)?\(.*O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)/.test(line) && !/ = -1 /.test(line));
    expect(writes.length).toBeGreaterThan(5);
    const elsewhere = writes.filter(line => !line.includes(`"${node}/`) && !/"\/dev\/(null|tty)"/.test(line));
    // iptables-save takes its lock only to write; legacy would.
    expect(elsewhere).toEqual([]);
    const changes = calls.filter(line =>
      /\b(rename|unlink|rmdir|mkdir|chmod|chown|link|symlink|mknod|mount|umount2|finit_module|init_module)(at2?)?\(/.test(line),
    );
    expect(changes.filter(line => !line.includes(`"${node}`) && !/ = -1 EEXIST/.test(line))).toEqual([]);
    // What is asked of the kernel by netlink begins with GET.
    const asked = calls.flatMap(line => / send(?:to|msg)\(.*?nlmsg_type=([^,]+)/.exec(line)?.[1] ?? []);
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter(type => !/_GET[A-Z_]*$|_MSG_CT_GET|^NLMSG_/.test(type))).toEqual([]);
    expect(readFileSync(join(node, 'manifest'), 'utf8')).toMatch(/^file rules \d+$/m);
  });

  test.skipIf(process.getuid!() !== 0)('as a user without rights it writes only where it may, and says what it could not read', () => {
    const theirs = mkdtempSync(join(tmpdir(), 'collect-nobody-'));
    spawnSync('chown', ['65534', theirs]);
    const run = (dir: string) =>
      spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-s', dir], {
        encoding: 'utf8',
        input: readFileSync(COLLECT),
      });
    try {
      expect(run(join(theirs, 'node')).status).toBe(1);
      expect(readFileSync(join(theirs, 'node', 'manifest'), 'utf8')).toMatch(/^missing rules iptables-save: /m);
      expect(readdirSync(join(theirs, 'node'))).toContain('addr');
      expect(run('/etc/kubehop-collect').status).toBe(2);
      expect(existsSync('/etc/kubehop-collect')).toBe(false);
    } finally {
      rmSync(theirs, { recursive: true, force: true });
    }
  });
});

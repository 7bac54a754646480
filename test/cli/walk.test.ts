import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { PcapngWriter } from '../../src/capture/pcapng/writer.ts';
import { Exit, Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/program.ts';
import { tcpFrame } from '../router/frames.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures/walk');
const SRC = resolve(import.meta.dirname, '../../src');
const folder = mkdtempSync(join(tmpdir(), 'kubehop-walk-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function kubehop(words: string[], colour = false) {
  const said = { out: '', err: '' };
  const io = new Io({
    out: text => {
      said.out += text;
    },
    err: text => {
      said.err += text;
    },
    outColour: colour,
    errColour: false,
  });
  return { exit: await run(words, io), ...said };
}
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const rules = join(FIXTURES, 'node-port.rules');
const packet = ['--packet', 'tcp 192.168.11.50:49356 > 192.168.11.170:30080', '--in', 'eth0'];

describe('kubehop walk', () => {
  test('tells the story of a node port, coloured only on a terminal', async () => {
    const node = ['--address', 'eth0=192.168.11.170/24', '--route', '10.244.0.0/16 dev flannel.1', '--choose', '1'];
    const plain = await kubehop(['walk', '--rules', rules, ...packet, ...node]);
    expect(plain).toMatchObject({ exit: Exit.Well, err: '' });
    expect(plain.out).toContain('destination 192.168.11.170:30080 → 10.244.1.16:80');
    expect(plain.out).toContain('(the address of flannel.1, unknown here), a random port');
    const coloured = await kubehop(['walk', '--rules', rules, ...packet, ...node], true);
    expect(coloured.out).not.toBe(plain.out);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    expect(coloured.out.replace(/\u001b\[\d+m/g, '')).toBe(plain.out);
  });

  test('--json has schema 1', async () => {
    const { out } = await kubehop(['walk', '--rules', rules, ...packet, '--json']);
    const story = JSON.parse(out);
    expect(Object.keys(story)).toEqual(
      ['schema', 'packet', 'in', 'events', 'outcome', 'flow', 'undecided', 'notes'].filter(k => k in story),
    );
    expect(story.schema).toBe(1);
    expect(story.undecided).toBe(1);
  });

  describe('--pcap', () => {
    const ends = { srcMac: '02:00:00:00:00:01', dstMac: '02:00:00:00:00:02', src: '192.168.11.50', dst: '192.168.11.170' };
    const frames = ['S', 'A'].map(flags => tcpFrame({ ...ends, sport: 49_356, dport: 30_080, flags }));
    const path = join(folder, 'two.pcapng');
    const fd = openSync(path, 'w');
    const writer = new PcapngWriter(bytes => writeSync(fd, bytes));
    writer.addInterface({ name: 'eth0' });
    for (const [i, bytes] of frames.entries()) writer.packet({ interfaceId: 0, timeNs: BigInt(i) * 2_000_000n, bytes });
    writer.flush();
    closeSync(fd);
    const around = ['--address', 'eth0=192.168.11.170/24', '--route', '10.244.0.0/16 dev flannel.1', '--choose', '1'];
    const words = ['walk', '--rules', rules, '--pcap', path, '--in', 'eth0', ...around];

    test('walks every frame, a line each', async () => {
      const { exit, out } = await kubehop(words);
      expect(exit).toBe(Exit.Well);
      expect(out.trimEnd().split('\n')).toEqual([
        expect.stringMatching(/^1 {2}0\.000 ms {2}eth0 {2}tcp .* SYN {2}NEW {10}ACCEPT forwarded by flannel\.1, .* > 10\.244\.1\.16:80/),
        expect.stringMatching(
          /^2 {2}2\.000 ms {2}eth0 {2}tcp .* ACK {2}ESTABLISHED {2}ACCEPT forwarded by flannel\.1, .* > 10\.244\.1\.16:80/,
        ),
        '',
        '2 frames: 2 ACCEPT',
      ]);
      const { frames, leftOut } = JSON.parse((await kubehop([...words, '--json'])).out);
      expect([frames.map((f: { frame: number }) => f.frame), leftOut]).toEqual([[1, 2], {}]);
    });

    test('--frame tells the whole story of one, whose connection is known', async () => {
      const { out } = await kubehop([...words, '--frame', '2']);
      expect(out).toContain('ESTABLISHED, its flow is known');
      expect((await kubehop([...words, '--frame', '3'])).err).toContain('frame 3 is not one of the 2 that can be walked');
    });
  });

  test('reads the files of ip -j', async () => {
    const addr = file('addr', '[{"ifname":"eth0","mtu":1500,"addr_info":[{"family":"inet","local":"192.168.11.170","prefixlen":24}]}]');
    const route = file('route', '[{"dst":"192.168.11.0/24","dev":"eth0","flags":[]}]');
    const { out } = await kubehop(['walk', '--rules', rules, ...packet, '--address', addr, '--route', route, '--choose', '1']);
    expect(out).toContain('no route for 10.244.1.16 (IP_IN_NO_ROUTES)');
  });

  test.each([
    [['--rules', rules], 'expected a packet'],
    [['--rules', rules, '--packet', 'tcp 1.1.1.1 > 2.2.2.2:x'], '--packet:1:23: expected a port'],
    [['--rules', '/nonexistent', ...packet], 'cannot read /nonexistent: ENOENT'],
    [['--rules', rules, ...packet, '--choose', '0'], 'a whole number from 1'],
    [['--rules', rules, ...packet, '--address', 'eth0=1.2.3'], 'not an IPv4 address: "1.2.3"'],
    [['--rules', rules, ...packet, '--sysctl', 'net.ipv4.nosuch=1'], 'the router does not know this name'],
  ])('%j is refused', async (words, message) => {
    const { exit, err } = await kubehop(['walk', ...words]);
    expect(exit).toBe(Exit.Usage);
    expect(err).toContain(message);
  });

  test('needs no device, no privilege and no foreign call: nothing that it loads reaches os/', () => {
    const seen = new Set<string>();
    const visit = (path: string): void => {
      if (seen.has(path)) return;
      seen.add(path);
      const code = readFileSync(path, 'utf8');
      for (const m of code.matchAll(/^(?:import|export)\s+(?!type\b)[^'"]*from '(\.[^']+)'/gm)) visit(resolve(dirname(path), m[1]!));
    };
    for (const name of ['walk', 'rules-check']) visit(join(SRC, `cli/commands/${name}.ts`));
    const loaded = [...seen].map(path => path.slice(SRC.length + 1));
    expect(loaded.filter(path => /^(os|device|node|lab)\//.test(path) && path !== 'device/device.ts')).toEqual([]);
    expect(loaded).toContain('router/path.ts');
    expect([...seen].every(existsSync)).toBe(true);
  });
});

describe('kubehop rules check', () => {
  test('prints the canonical text, in the order of iptables-save, and says on stderr how much it was', async () => {
    const text = file(
      'a.rules',
      '*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A INPUT --dport 80 -p tcp --jump ACCEPT\nCOMMIT\n',
    );
    const bad = await kubehop(['rules', 'check', text]);
    expect(bad.exit).toBe(Exit.Usage);
    const good = file(
      'b.rules',
      '*filter\n:INPUT ACCEPT [1:2]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp --dport 80 --jump ACCEPT\nCOMMIT\n',
    );
    const { exit, out, err } = await kubehop(['rules', 'check', good]);
    expect(exit).toBe(Exit.Well);
    expect(out).toBe(
      '*filter\n:INPUT ACCEPT [1:2]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp --dport 80 -j ACCEPT\nCOMMIT\n',
    );
    expect(err).toContain('1 tables, 3 chains, 1 rules');
  });

  test('names line and column of what is wrong', async () => {
    const text = file('c.rules', '*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.0.0.0/33 -j ACCEPT\nCOMMIT\n');
    const { exit, err } = await kubehop(['rules', 'check', text]);
    expect(exit).toBe(Exit.Usage);
    expect(err).toMatch(/c\.rules:3:13: /);
  });

  test('keeps what it does not know when it is lenient, and warns', async () => {
    const text = file(
      'd.rules',
      '*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -m nosuch --thing -j ACCEPT\nCOMMIT\n',
    );
    expect((await kubehop(['rules', 'check', text])).exit).toBe(Exit.Usage);
    const { exit, out, err } = await kubehop(['rules', 'check', '--lenient', text]);
    expect(exit).toBe(Exit.Well);
    expect(out).toContain('-A INPUT -m nosuch --thing -j ACCEPT');
    expect(err).toContain('d.rules:5:');
  });

  test('its output goes in again', () => {
    const bin = resolve(SRC, '../bin/kubehop');
    const once = execFileSync(bin, ['rules', 'check', rules], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const twice = spawnSync(bin, ['rules', 'check', '-'], { input: once, encoding: 'utf8' });
    expect(twice).toMatchObject({ status: 0, stdout: once });
  });
});

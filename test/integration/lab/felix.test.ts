/**
 * felix's rules and sets in a kernel: both variants of iptables take them, and give them back as they were written.
 * Needs: the right to make network namespaces with iptables; the kernel's ip_set.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FelixConfig, felixText } from '../../../src/lab/calico/felix.ts';
import { felixSets } from '../../../src/lab/calico/felix-sets.ts';
import { KernelPlane } from '../../../src/lab/plane/kernel.ts';

const config: FelixConfig = {
  pools: ['10.244.0.0/16'],
  ipip: true,
  hosts: ['192.168.56.11', '192.168.56.12'],
  addresses: ['127.0.0.1', '192.168.56.11', '10.244.1.0'],
  interfaces: ['cali12d4a061371', 'cali4ab01234567', 'cali4bb76543210'],
};
const node = `felix-${process.pid}`;
const inNode = (command: string, input = ''): { status: number | null; stdout: string; stderr: string } =>
  spawnSync('ip', ['netns', 'exec', node, 'sh', '-c', command], { input, encoding: 'utf8' });

beforeAll(() => {
  execFileSync('ip', ['netns', 'add', node]);
});
afterAll(() => {
  execFileSync('ip', ['netns', 'del', node]);
});

/** Tables by name, without what tells program and time. */
const tables = (text: string): string[] =>
  text
    .replaceAll(/^#.*\n/gm, '')
    .split(/^(?=\*)/m)
    .sort();

describe('sets', () => {
  test('must be there before the rules', () => {
    const { status, stderr } = inNode('iptables-restore --test', felixText(config));
    expect(status).not.toBe(0);
    expect(stderr).toContain('cali40');
  });

  test('are made anew under the rules that ask for them', async () => {
    const plane = new KernelPlane(node);
    await plane.loadSets(felixSets(config));
    await plane.loadRules(felixText(config));
    const more = { ...config, hosts: [...config.hosts, '192.168.56.13'] };
    await plane.loadSets(felixSets(more));
    expect(tables(await plane.rulesText(false)).map(t => t.replaceAll(/\[\d+:\d+\]/g, '[0:0]'))).toEqual(tables(felixText(config)));
  });

  test('decide what a rule matches', () => {
    // A packet of protocol 4 from a node of the set is let in, one from elsewhere is not.
    const script = `ip link set lo up; ip addr add 192.168.56.12/32 dev lo; ip addr add 192.168.56.99/32 dev lo; ip addr add 192.168.56.11/32 dev lo
      for source in 192.168.56.12 192.168.56.13 192.168.56.99; do
        ip addr add $source/32 dev lo 2>/dev/null
        python3 -c "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 4); s.bind(('$source', 0)); s.sendto(b'E' + bytes(40), ('192.168.56.11', 0))"
      done
      iptables-save -c -t filter`;
    const { stdout } = inNode(script);
    expect(stdout).toMatch(/^\[2:\d+\] -A cali-INPUT .*Allow IPIP packets from Calico hosts/m);
    expect(stdout).toMatch(/^\[1:\d+\] -A cali-INPUT .*Drop IPIP packets from non-Calico hosts/m);
  });
});

test.each(['iptables', 'iptables-legacy'])('%s takes the rules, and gives them back as they are written here', tool => {
  const script = `mount -t tmpfs tmpfs /run && ${tool}-restore --test <"$0" && ${tool}-restore <"$0" && ${tool}-save; s=$?; ${tool}-restore --test <"$0" && exit $s`;
  const folder = mkdtempSync(join(tmpdir(), 'felix-'));
  const made = join(folder, 'rules');
  try {
    writeFileSync(made, felixText(config));
    const r = spawnSync('ip', ['netns', 'exec', node, 'unshare', '--mount', 'sh', '-c', script, made], { encoding: 'utf8' });
    expect(r.stderr).toBe('');
    expect(tables(r.stdout).map(t => t.replaceAll(/\[\d+:\d+\]/g, '[0:0]'))).toEqual(tables(felixText(config)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

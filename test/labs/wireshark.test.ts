import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { withExtcap } from '../integration/wireshark/own-extcap.ts';
import { Kubehop, lacking, title } from './support.ts';

const KUBEHOP = fileURLToPath(new URL('../../bin/kubehop', import.meta.url));
const hasTshark = spawnSync('sh', ['-c', 'command -v tshark && dumpcap -v']).status === 0;

describe.skipIf(lacking !== '' || !hasTshark)(title('a running lab in Wireshark'), () => {
  const kubehop = new Kubehop();
  const extcap = join(kubehop.home, 'extcap');
  const { XDG_CONFIG_HOME: _, ...rest } = process.env;
  const env = {
    ...rest,
    HOME: kubehop.home,
    XDG_STATE_HOME: kubehop.home,
    XDG_RUNTIME_DIR: join(kubehop.home, 'runtime'),
  };
  mkdirSync(extcap);
  afterEach(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test('is an interface of tshark, live, and its comments are fields', { timeout: 90_000 }, async () => {
    expect(await kubehop.run('lab', 'up', '07', '--on', 'userspace')).toMatchObject({ code: 0 });
    const install = withExtcap(extcap, [KUBEHOP, 'wireshark', 'install']);
    expect(spawnSync(...install, { encoding: 'utf8', env })).toMatchObject({ status: 0, stderr: '' });

    const listed = spawnSync(...withExtcap(extcap, ['tshark', '-D']), { encoding: 'utf8', env }).stdout;
    expect(listed).toMatch(/\d+\. kubehop_07 \(kubehop lab 07: all hops\)/);
    expect(listed).toContain('kubehop_07_node1_flannel.1 (kubehop lab 07: node1/flannel.1');
    expect(listed).toContain('kubehop_07_node1_prerouting');

    const names = ['frame.interface_name', 'kubehop.ct', 'kubehop.packet_id', 'tcp.dstport'];
    // First packets alone: node2's replies cross node1 in VXLAN packets, and to conntrack each way of those is a flow of its own.
    const first = 'kubehop.ct == "NEW" and tcp.flags == 0x002';
    const args = ['-C', 'kubehop', '-i', 'kubehop_07', '-l', '-n', '-Y', first, '-T', 'fields'];
    const tshark = spawn(...withExtcap(extcap, ['tshark', ...args, ...names.flatMap(name => ['-e', name])]), { env });
    let said = '';
    let seen = '';
    tshark.stderr.on('data', piece => {
      said += piece;
    });
    tshark.stdout.on('data', piece => {
      seen += piece;
    });
    const ended = once(tshark, 'close');
    await expect.poll(() => said, { timeout: 15_000 }).toContain('Capturing on');
    const hops = (): string[] => [...new Set(seen.split('\n').flatMap(line => /^\S+/.exec(line)?.[0] ?? []))].sort();
    // What is sent before the lab listens is not seen: asked until something is.
    await expect
      .poll(
        async () => {
          await kubehop.run('exec', 'client', '--', 'curl', '-s', '--max-time', '10', 'http://192.168.56.11:30080/');
          return hops();
        },
        { timeout: 30_000 },
      )
      .toEqual(expect.arrayContaining(['node1/postrouting', 'node1/prerouting']));
    const atNode1 = seen
      .split('\n')
      .map(line => line.split('\t'))
      .find(([hop]) => hop === 'node1/prerouting')!;
    expect(atNode1.slice(1)).toEqual(['NEW', expect.stringMatching(/^\d+$/), '8080']);
    tshark.kill('SIGINT');
    await ended;
    expect(said).not.toMatch(/error|invalid/i);
    // The program that Wireshark had started has ended with it, and so has the lab's capture: its pipe is gone.
    const pipes = () => readdirSync(join(kubehop.home, 'runtime', 'kubehop', '07')).filter(name => name.endsWith('.pipe'));
    await expect.poll(pipes, { timeout: 10_000 }).toEqual([]);
  });
});

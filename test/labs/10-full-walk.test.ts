import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 10'), () => {
  const kubehop = new Kubehop();
  const run = async (where: string, command: string) => (await kubehop.run('exec', where, '--', 'sh', '-c', command)).stdout;
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test('passes on both data planes, which do the same', { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '10', '--out', join(kubehop.home, 'out'));
    expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  });

  test.each(['userspace', 'kernel'])('%s: what the reader changes with kubectl', { timeout: 120_000 }, async plane => {
    expect(await kubehop.run('lab', 'up', '10', '--on', plane)).toMatchObject({ code: 0 });
    const config = (await kubehop.run('kubeconfig', '10')).stdout.trim();
    const kubectl = (...args: string[]) =>
      execFileSync('kubectl', ['--kubeconfig', config, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const ask = () => run('pod-a', 'curl -s --max-time 3 http://web/');
    expect(await ask()).toContain('"pod":"pod-b"');

    kubectl('run', 'pod-c', '--image=kubehop/echo', '--labels=app=web', '--port=8080');
    kubectl('wait', '--for=condition=ready', 'pod/pod-c', '--timeout=20s');
    const answered = async () => (await Promise.all(Array.from({ length: 10 }, ask))).join('');
    await expect.poll(answered, { timeout: 20_000 }).toMatch(/"pod-b".*"pod-c"|"pod-c".*"pod-b"/s);
    expect(await run('node1', 'iptables-save -t nat')).toMatch(/default\/web -> .*--probability 0\.5/);

    kubectl('-n', 'kube-system', 'delete', 'daemonset', 'kube-proxy');
    kubectl('delete', 'pod', 'pod-c', '--grace-period=0', '--force');
    kubectl('create', 'service', 'clusterip', 'late', '--clusterip=10.96.1.51', '--tcp=80:8080');
    expect(await run('node1', 'iptables-save')).not.toContain('10.96.1.51');
    await expect.poll(ask, { timeout: 20_000 }).toContain('"pod":"pod-b"');
  });
});

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 24'), () => {
  const kubehop = new Kubehop();
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test('passes on both data planes, which do the same', { timeout: 180_000 }, async () => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '24', '--out', join(kubehop.home, 'out'));
    expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  });

  test('containers share interfaces and host name, and neither processes nor logs', { timeout: 180_000 }, async () => {
    expect(await kubehop.run('lab', 'up', '24', '--on', 'userspace')).toMatchObject({ code: 0 });
    const config = (await kubehop.run('kubeconfig', '24')).stdout.trim();
    const kubectl = (...args: string[]) =>
      execFileSync('kubectl', ['--kubeconfig', config, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const containers = ['web', 'sidecar', 'admin'];
    const each = (...command: string[]) =>
      new Set(containers.map(container => kubectl('exec', 'pod-b', '-c', container, '--', ...command)));
    for (const shared of ['net', 'uts', 'ipc']) expect(each('readlink', `/proc/self/ns/${shared}`).size).toBe(1);
    for (const own of ['pid', 'mnt']) expect(each('readlink', `/proc/self/ns/${own}`).size).toBe(3);
    expect([...each('ip', '-o', '-4', 'address')].join()).toMatch(/127\.0\.0\.1\/8.*10\.244\.2\.2\/24/s);
    expect([...each('hostname')]).toEqual(['pod-b\n']);

    expect(kubectl('logs', 'pod-b', '-c', 'web')).toContain('listening on 8080');
    expect(kubectl('logs', 'pod-b', '-c', 'sidecar')).toContain('listening on 9090');
    expect(kubectl('logs', 'pod-b', '-c', 'admin')).toContain('listening on 7070');

    kubectl('apply', '-f', join(import.meta.dirname, '../../labs/24-two-containers/twins.yaml'));
    const logs = () => kubectl('logs', 'deployment/twins', '-c', 'first') + kubectl('logs', 'deployment/twins', '-c', 'second');
    await expect.poll(logs, { timeout: 30_000, interval: 500 }).toMatch(/cannot listen on 8080\/UDP: EADDRINUSE/);
    expect(kubectl('get', 'pods', '-l', 'app=twins', '--no-headers')).toMatch(/ 1\/2 /);
    const address = kubectl('get', 'pods', '-l', 'app=twins', '-o', 'jsonpath={.items[0].status.podIP}');
    const from = (url: string) => kubehop.run('exec', 'pod-a', '--', 'curl', '-s', '--max-time', '3', url);
    expect(await from(`http://${address}:8080/`)).toMatchObject({ code: 0 });
    expect(await from('http://10.96.1.70/')).toMatchObject({ code: 7 });
  });
});

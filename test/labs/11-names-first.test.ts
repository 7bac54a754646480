import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 11'), () => {
  const kubehop = new Kubehop();
  const run = async (where: string, command: string) => (await kubehop.run('exec', where, '--', 'sh', '-c', command)).stdout;
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test('passes on both data planes, which do the same', { timeout: 120_000 }, async () => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '11', '--out', join(kubehop.home, 'out'));
    expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  });

  test.each(['userspace', 'kernel'])('%s: names follow what the reader changes with kubectl', { timeout: 120_000 }, async plane => {
    expect(await kubehop.run('lab', 'up', '11', '--on', plane)).toMatchObject({ code: 0 });
    const config = (await kubehop.run('kubeconfig', '11')).stdout.trim();
    const kubectl = (...args: string[]) =>
      execFileSync('kubectl', ['--kubeconfig', config, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const addresses = () => run('pod-a', 'dig +short db.default.svc.cluster.local | sort');
    expect(await addresses()).toBe('10.244.1.3\n10.244.2.4\n');

    kubectl('delete', 'pod', 'db-1', '--grace-period=0', '--force');
    await expect.poll(addresses, { timeout: 20_000 }).toBe('10.244.1.3\n');
    expect(await run('pod-a', 'dig db-1.db.default.svc.cluster.local')).toContain('status: NXDOMAIN');
    kubectl('delete', 'pod', 'db-0', '--grace-period=0', '--force');
    await expect.poll(() => run('pod-a', 'dig db.default.svc.cluster.local'), { timeout: 20_000 }).toContain('status: NXDOMAIN');

    kubectl('-n', 'kube-system', 'scale', 'deployment', 'coredns', '--replicas=0');
    await expect.poll(() => run('pod-a', 'getent ahostsv4 web || echo nobody'), { timeout: 60_000 }).toBe('nobody\n');
    expect(await run('pod-a', 'curl -s --max-time 5 http://10.96.1.50/')).toContain('"pod":"pod-b"');
  });
});

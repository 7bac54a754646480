import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 12'), () => {
  const kubehop = new Kubehop();
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test('passes on both data planes, which do the same', { timeout: 240_000 }, async () => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '12', '--out', join(kubehop.home, 'out'));
    expect({ code, said: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, said: '' });
  });

  test.each(['userspace', 'kernel'])('%s: can be checked again, and the API shows what ends', { timeout: 240_000 }, async plane => {
    expect(await kubehop.run('lab', 'up', '12', '--on', plane)).toMatchObject({ code: 0 });
    const config = (await kubehop.run('kubeconfig', '12')).stdout.trim();
    const kubectl = (...args: string[]) =>
      execFileSync('kubectl', ['--kubeconfig', config, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const conditions = (address: string): { ready: boolean; serving: boolean; terminating: boolean } | undefined => {
      const { items } = JSON.parse(kubectl('get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'json'));
      const endpoints: { addresses: string[]; conditions: never }[] = items.flatMap((slice: { endpoints?: [] }) => slice.endpoints ?? []);
      return endpoints.find(endpoint => endpoint.addresses.includes(address))?.conditions;
    };
    for (let i = 0; i < 2; i++) {
      const { code, stdout } = await kubehop.run('lab', 'check', '12');
      expect({ code, said: code === 0 ? '' : stdout }).toEqual({ code: 0, said: '' });
    }
    expect(conditions('10.244.2.2')).toMatchObject({ ready: true, serving: true, terminating: false });
    expect(conditions('10.244.2.3')).toMatchObject({ ready: false, serving: false, terminating: false });

    kubectl('delete', 'pod', 'pod-b', '--wait=false');
    expect(conditions('10.244.2.2')).toMatchObject({ ready: false, serving: true, terminating: true });
    expect((await kubehop.run('exec', 'pod-a', '--', 'curl', '-s', 'http://10.96.1.50/')).stdout).toContain('"pod":"pod-b"');
    await expect.poll(() => conditions('10.244.2.2'), { timeout: 30_000 }).toBeUndefined();
  });
});

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));

describe.skipIf(lacking !== '')(title('objects that are kept'), () => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });
  const file = join(kubehop.home, 'objects');
  const up = async () => {
    expect(await kubehop.run('lab', 'up', '95', '--store', file)).toMatchObject({ code: 0 });
    const config = (await kubehop.run('kubeconfig', '95')).stdout.trim();
    return (...args: string[]) => execFileSync('kubectl', ['--kubeconfig', config, ...args], { encoding: 'utf8' });
  };
  const look = ['get', 'service', 'web', '-o', 'jsonpath={.metadata.uid} {.spec.clusterIP} {.spec.ports[0].nodePort}'];

  test('are there when the lab is up again, after a kill too, and their pods run', { timeout: 120_000 }, async () => {
    let kubectl = await up();
    kubectl('create', 'deployment', 'web', '--image=kubehop/echo', '--port=8080');
    kubectl('expose', 'deployment', 'web', '--type=NodePort', '--port=80', '--target-port=8080');
    kubectl('rollout', 'status', 'deployment', 'web', '--timeout=30s');
    const service = kubectl(...look);
    const port = service.split(' ')[2]!;
    process.kill(kubehop.daemon()!, 'SIGKILL');
    await kubehop.empty();

    kubectl = await up();
    expect(kubectl(...look)).toBe(service);
    expect(() => kubectl('create', 'service', 'nodeport', 'other', `--node-port=${port}`, '--tcp=80')).toThrow(
      /provided port is already allocated/,
    );
    kubectl('rollout', 'status', 'deployment', 'web', '--timeout=30s');
    const ask = () => kubehop.run('exec', 'client', '--', 'curl', '-s', '--max-time', '2', `http://192.168.56.11:${port}/`);
    await expect.poll(async () => (await ask()).stdout, { timeout: 20_000 }).toContain('"pod":"web-');
    expect(await kubehop.run('lab', 'down', '95')).toMatchObject({ code: 0 });
  });

  test('are for labs with an API', async () => {
    expect(await kubehop.run('lab', 'up', '90', '--store', file)).toMatchObject({ code: 2, stderr: expect.stringContaining('has no API') });
  });
});

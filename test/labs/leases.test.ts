import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));

describe.skipIf(lacking !== '')(title("flannel's leases in the API"), () => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test.each([
    ['userspace', 'kernel'],
    ['kernel', 'userspace'],
  ])('%s: a node that registers is reached within a second, one that is deleted no longer', { timeout: 120_000 }, async (on, joins) => {
    expect(await kubehop.run('lab', 'up', '95', '--on', on)).toMatchObject({ code: 0 });
    const config = (await kubehop.run('kubeconfig', '95')).stdout.trim();
    const kubectl = (...args: string[]) => execFileSync('kubectl', ['--kubeconfig', config, ...args], { encoding: 'utf8' });
    const reaches = async (address: string) =>
      (await kubehop.run('exec', 'node1', '--', 'ping', '-c', '1', '-W', '1', address)).stdout.includes(' 0% packet loss');
    expect(await reaches('10.244.2.0')).toBe(true);

    expect(await kubehop.run('lab', 'join', 'node3', '--on', joins)).toMatchObject({ code: 0 });
    await expect.poll(() => reaches('10.244.3.0'), { timeout: 10_000 }).toBe(true);
    const flannel = kubectl('logs', '-n', 'kube-flannel', '-l', 'app=flannel', '--tail=20');
    expect(flannel).toContain('Subnet added: 10.244.3.0/24 via 192.168.56.13 (tunnel)');
    const annotations = JSON.parse(kubectl('get', 'node', 'node3', '-o', 'json')).metadata.annotations;
    expect(annotations).toMatchObject({
      'flannel.alpha.coreos.com/backend-type': 'vxlan',
      'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"0e:00:0a:f4:03:00"}',
      'flannel.alpha.coreos.com/public-ip': '192.168.56.13',
    });
    expect(kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].spec.podCIDR}')).toBe('10.244.1.0/24 10.244.2.0/24 10.244.3.0/24');

    kubectl('delete', 'node', 'node2');
    await expect.poll(() => reaches('10.244.2.0'), { timeout: 10_000 }).toBe(false);
    expect(await reaches('10.244.3.0')).toBe(true);
    expect(await kubehop.run('lab', 'leave', 'node3')).toMatchObject({ code: 0 });
    await expect.poll(() => reaches('10.244.3.0'), { timeout: 10_000 }).toBe(false);
    expect(await kubehop.run('lab', 'down', '95')).toMatchObject({ code: 0 });
    await kubehop.empty();
  });
});

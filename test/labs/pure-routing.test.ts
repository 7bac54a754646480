/** The short form of `calico-matrix.test.ts`: small downloads, and of each kind what this kernel surely has. */
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { findBird } from '../../src/lab/bird/program.ts';
import { calicoLabs, lookAt, texts, wrong } from './calico-labs.ts';
import { Kubehop, lacking } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));

const kubehop = new Kubehop();
const how = { mebibytes: 1, quick: true } as const;
const missing = lacking === '' && findBird() === undefined ? 'no BIRD: apt install bird2' : lacking;
const [always, , bgp] = calicoLabs;

describe.skipIf(missing !== '')(missing === '' ? 'pure routing' : `pure routing (skipped: ${missing})`, () => {
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test('calico-bgp: a router and a kernel node show what two kernel nodes do', { timeout: 120_000 }, async () => {
    const kernel = await lookAt(kubehop, bgp!, 'kernel', how);
    expect(wrong(bgp!, kernel)).toEqual([]);
    expect(texts(await lookAt(kubehop, bgp!, 'userspace:node1,kernel:node2', how))).toEqual(texts(kernel));
  });

  test('calico-bgp: who asks is the pod itself, through the Service too, and node1 for whom is outside', { timeout: 60_000 }, async () => {
    const seen = texts(await lookAt(kubehop, bgp!, 'userspace', how));
    expect(seen['who asks to pod-b']).toBe('10.244.1.2');
    expect(seen['who asks to the Service']).toBe('10.244.1.2');
    expect(seen['who asks from outside to the node port']).toBe('192.168.56.11');
    expect(seen['traceroute -I pod-b']).toMatch(/1 {2}192\.168\.56\.11\n 2 {2}192\.168\.56\.12\n 3 {2}10\.244\.2\.2/);
  });

  test('calico-ipip: all of it is carried by two routers', { timeout: 60_000 }, async () => {
    expect(wrong(always!, await lookAt(kubehop, always!, 'userspace', how))).toEqual([]);
  });
});

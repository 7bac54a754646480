import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { findBird } from '../../src/lab/bird/program.ts';
import { calicoLabs, cannot, kernelHasIpip, lookAt, placements, wrong } from './calico-labs.ts';
import type { Seen } from './look.ts';
import { Kubehop, lacking } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));

const kubehop = new Kubehop();
const how = { mebibytes: 100, quick: true } as const;
const missing = lacking === '' && findBird() === undefined ? 'no BIRD: apt install bird2' : lacking;
const hasIpip = missing === '' && kernelHasIpip();
const texts = (seen: ReadonlyMap<string, Seen>): Record<string, string> =>
  Object.fromEntries([...seen].map(([name, { text }]) => [name, text]));

describe.skipIf(missing !== '')(missing === '' ? 'pure routing' : `pure routing (skipped: ${missing})`, () => {
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  // Kernel nodes of calico-ipip need the module ipip; where it is missing, scripts/on-debian shows them.
  describe.each(calicoLabs)('$name', lab => {
    let first: Map<string, Seen> | undefined;
    for (const on of placements(lab.look.nodes).filter(each => cannot(lab, each, hasIpip) === ''))
      test(`${on} carries it, and shows what the others do`, { timeout: 180_000 }, async () => {
        const seen = await lookAt(kubehop, lab, on, how);
        expect(wrong(lab, seen)).toEqual([]);
        first ??= seen;
        expect(texts(seen)).toEqual(texts(first));
      });
  });

  test('who asks is the pod itself, through the Service too, and node1 for whom is outside', { timeout: 180_000 }, async () => {
    const bgp = calicoLabs.find(each => !each.ipip)!;
    const seen = texts(await lookAt(kubehop, bgp, 'userspace', { mebibytes: 1, quick: true }));
    expect(seen['who asks to pod-b']).toBe('10.244.1.2');
    expect(seen['who asks to the Service']).toBe('10.244.1.2');
    expect(seen['who asks from outside to the node port']).toBe('192.168.56.11');
    expect(seen['traceroute -I pod-b']).toMatch(/1 {2}192\.168\.56\.11\n 2 {2}192\.168\.56\.12\n 3 {2}10\.244\.2\.2/);
  });
});

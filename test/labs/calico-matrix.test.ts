import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { findBird } from '../../src/lab/bird/program.ts';
import { calicoLabs, cannot, kernelHasIpip, lookAt, placements, texts, wrong } from './calico-labs.ts';
import type { Seen } from './look.ts';
import { Kubehop, lacking } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));

const kubehop = new Kubehop();
const how = { mebibytes: 100, quick: true } as const;
const missing = lacking === '' && findBird() === undefined ? 'no BIRD: apt install bird2' : lacking;
const hasIpip = missing === '' && kernelHasIpip();

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
});

import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findBird } from '../../../src/lab/bird/program.ts';
import { Speakers } from '../../../src/lab/bird/speakers.ts';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';

const folder = mkdtempSync(join(tmpdir(), 'kubehop-bird-'));
afterAll(() => rmSync(folder, { recursive: true }));
for (const name of ['bird', 'birdc']) {
  writeFileSync(join(folder, name), '#!/bin/sh\n');
  chmodSync(join(folder, name), 0o755);
}
const found = { daemon: join(folder, 'bird'), client: join(folder, 'birdc') };

describe('the BGP daemon of the machine', () => {
  test('is found on PATH, or where KUBEHOP_BIRD says', () => {
    expect(findBird({ PATH: `/nowhere:${folder}` })).toEqual(found);
    expect(findBird({ PATH: '', KUBEHOP_BIRD: found.daemon })).toEqual(found);
    expect(findBird({ PATH: folder, KUBEHOP_BIRD: '/nowhere/bird' })).toBeUndefined();
  });

  test('where there is none, a lab with a router on top of the rack says which package has it, and others go on', () => {
    const say = () => undefined;
    const nodes = ['node1', 'node2'];
    const racks = clusterTopology({ nodes, podNetwork: 'calico-bgp', topOfRack: 1 }, () => 'kernel');
    const mesh = clusterTopology({ nodes, podNetwork: 'calico-bgp' }, () => 'kernel');
    const none = new Speakers(say, () => undefined);
    expect(() => none.check(racks)).toThrow(/tor is to speak BGP, and there is no BIRD on this machine: it is in the package bird2/);
    expect(() => none.check(mesh)).not.toThrow();
    expect(() => new Speakers(say, () => found).check(racks)).not.toThrow();
  });
});

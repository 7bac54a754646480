import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JourneyRecord } from '../../src/capture/journey/record.ts';
import { Kubehop, lacking, title } from './support.ts';

const labs = { KUBEHOP_LABS: fileURLToPath(new URL('../fixtures/journey-labs', import.meta.url)) };
const WAY = [
  'pod-a/eth0',
  'node1/cni0',
  'node1/flannel.1',
  'node1/eth0',
  'lan0',
  'node2/eth0',
  'node2/flannel.1',
  'node2/cni0',
  'pod-b/eth0',
];

describe.skipIf(lacking !== '')(title('a datagram of 4008 bytes, in pieces and through a tunnel'), () => {
  const kubehop = new Kubehop();
  const out = join(kubehop.home, 'out');
  beforeAll(async () => {
    expect(await kubehop.with(labs).run('lab', 'run', '97', '--out', out)).toMatchObject({ code: 0 });
  }, 60_000);
  afterAll(() => kubehop.close());

  test.each(['userspace', 'kernel'])('is one packet at every hop of the %s run, and its answer names the flow', plane => {
    const lines = readFileSync(join(out, plane, 'journey.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .slice(1);
    const records = lines.map(line => JSON.parse(line) as JourneyRecord).filter(r => r.direction !== undefined);
    const isFragment = (r: JourneyRecord) => r.layers.some(l => l.layer === 'ipv4' && (l.moreFragments || l.fragmentOffset > 0));
    const packets = new Set(records.filter(isFragment).map(r => r.packet));
    expect(packets.size).toBe(2);
    const [question, answer] = [...packets].map(packet => records.filter(r => r.packet === packet));
    for (const [sightings, way] of [
      [question!, WAY],
      [answer!, WAY.toReversed()],
    ] as const) {
      expect([...new Set(sightings.map(r => r.hop))]).toEqual(way);
      expect(sightings.every(r => r.certain)).toBe(true);
      for (const hop of way) expect([hop, sightings.filter(r => r.hop === hop && isFragment(r)).length >= 3]).toEqual([hop, true]);
    }
    expect([question![0]!.way, answer![0]!.way]).toEqual(['original', 'reply']);
    expect(answer![0]!.flow).toBe(question![0]!.flow);
    expect(answer![0]!.words[0]).toContain('answer to icmp 10.244.1.2');
  });
});

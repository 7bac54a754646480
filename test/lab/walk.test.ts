import { expect, test } from 'vitest';
import type { Journey } from '../../src/capture/journey/journey.ts';
import type { JourneyRecord } from '../../src/capture/journey/record.ts';
import { entriesOf } from '../../src/lab/walk.ts';

const record = (hop: string, src: string, dst: string) =>
  ({
    hop,
    flow: 1,
    layers: [
      { layer: 'ipv4', src, dst },
      { layer: 'tcp', srcPort: 40001, dstPort: 80 },
    ],
  }) as unknown as JourneyRecord;
const entry = (src: string, dst: string): string => `tcp      6 9 CLOSE src=${src} dst=${dst} sport=40001 dport=80 mark=0 use=1`;

test('entries of a connection stand in the order in which its first packet met the nodes, whoever answered first', () => {
  const records = [record('node2/eth0', '10.0.0.9', '10.0.0.2'), record('node1/eth0', '10.0.0.7', '10.0.0.1')];
  const journey = { records } as unknown as Journey;
  const [near, far] = [entry('10.0.0.9', '10.0.0.2'), entry('10.0.0.7', '10.0.0.1')];
  const other = entry('10.0.0.8', '10.0.0.1');
  const answers = [
    ['node3', ''],
    ['node1', `${other}\n${far}`],
    ['node2', near],
  ] as const;
  for (const conntrack of [new Map(answers), new Map(answers.toReversed())])
    expect(entriesOf(records[0]!, journey, conntrack).map(({ node, entry: line }) => [node, line])).toEqual([
      ['node2', near.replace(/ +/g, ' ')],
      ['node1', far.replace(/ +/g, ' ')],
    ]);
});

// A masqueraded echo: NAT draws another identifier in each run.
import { expect, test } from 'vitest';
import { compareProbe } from '../../../src/capture/compare/probe.ts';
import type { Run } from '../../../src/capture/compare/result.ts';
import { captured, type Described, frameBytes, text } from '../support/frames.ts';

const hops = ['pod-a/eth0', 'node1/eth0', 'lan0'];
const asked: Described = {
  srcMac: '02:00:00:00:00:09',
  dstMac: '02:00:00:00:00:11',
  protocol: 'echo-request',
  src: '10.244.1.2',
  dst: '203.0.113.9',
  srcPort: 7,
  dstPort: 0,
  ttl: 64,
  id: 9,
  seq: 0,
  ack: 0,
  flags: 0,
  payload: text('question'),
};

function run(atNode: number, onTheLan = atNode): Run {
  const masqueraded = (identifier: number) => frameBytes({ ...asked, src: '192.168.56.11', srcPort: identifier, ttl: 63 });
  return {
    hops: new Map([
      ['pod-a/eth0', [captured('pod-a/eth0', 'out', 1n, frameBytes(asked))]],
      ['node1/eth0', [captured('node1/eth0', 'out', 2n, masqueraded(atNode))]],
      ['lan0', [captured('lan0', 'in', 3n, masqueraded(onTheLan))]],
    ]),
  };
}
const compared = (userspace: Run) => compareProbe(userspace, run(3000), { hops, injectedAt: ['pod-a/eth0'] });

test('allows an identifier that NAT chose in both runs, when it is used alike', () => {
  const { differences, ignored } = compared(run(2000));
  expect(differences).toEqual([]);
  expect(ignored.map(i => i.what)).toContain('port chosen by NAT');
});

test('finds one that only one run has changed, and one that changes on the way', () => {
  expect(compared(run(7)).differences.map(d => d.field)).toContain('icmp.id');
  expect(compared(run(2000, 2001)).differences.map(d => [d.hop, d.field])).toEqual([['lan0', 'icmp.id']]);
});

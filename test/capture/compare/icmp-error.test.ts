// An ICMP error travels back through NAT: the packet that it quotes must be translated with it.
import { describe, expect, test } from 'vitest';
import { compareConversation } from '../../../src/capture/compare/conversation.ts';
import { compareProbe } from '../../../src/capture/compare/probe.ts';
import type { Run } from '../../../src/capture/compare/result.ts';
import { captured, type Described, frameBytes, packetBytes, text } from '../support/frames.ts';

const hops = ['client/eth0', 'node1/eth0', 'pod-a/eth0'];
const common = { ttl: 64, id: 9, seq: 0, ack: 0, flags: 0, payload: text('question') };
const mac = { srcMac: '02:00:00:00:00:09', dstMac: '02:00:00:00:00:11' };
const outside: Described = {
  ...common,
  ...mac,
  protocol: 'udp',
  src: '203.0.113.9',
  srcPort: 40_000,
  dst: '192.168.56.11',
  dstPort: 30_080,
};
const inside: Described = { ...outside, ttl: 63, dst: '10.244.1.5', dstPort: 9 };

/** The pod refuses; the node translates what it says. `id` is the pod's own choice. */
function run(id: number, change: Partial<{ quoted: Described; ttl: number; src: string }> = {}): Run {
  const error = (src: string, ttl: number, quoted: Described) =>
    frameBytes({ ...outside, protocol: 'icmp-error', id, ttl, src, dst: '203.0.113.9', payload: packetBytes(quoted) });
  const atPod = error('10.244.1.5', 64, inside);
  const atClient = error(change.src ?? '192.168.56.11', change.ttl ?? 63, change.quoted ?? { ...outside, ttl: 63 });
  return {
    hops: new Map([
      ['client/eth0', [captured('client/eth0', 'out', 1n, frameBytes(outside)), captured('client/eth0', 'in', 7n, atClient)]],
      ['node1/eth0', [captured('node1/eth0', 'in', 2n, frameBytes(outside)), captured('node1/eth0', 'out', 6n, atClient)]],
      ['pod-a/eth0', [captured('pod-a/eth0', 'in', 3n, frameBytes(inside)), captured('pod-a/eth0', 'out', 5n, atPod)]],
    ]),
  };
}
const probe = (userspace: Run) =>
  compareProbe(userspace, run(7777), { hops, injectedAt: ['client/eth0'] }).differences.map(d => [d.hop, d.field]);
const conversation = (userspace: Run) => compareConversation(userspace, run(7777), { hops }).differences.map(d => [d.hop, d.field]);

describe('a comparison of ICMP errors', () => {
  test('finds them the same whatever id the pod gave them', () => {
    expect(probe(run(1))).toEqual([]);
    expect(conversation(run(1))).toEqual([]);
  });

  test('finds a quoted packet that was not translated back', () => {
    expect(probe(run(1, { quoted: inside }))).toEqual([
      ['node1/eth0', 'quoted.ipv4.dst'],
      ['node1/eth0', 'quoted.udp.dstPort'],
      ['client/eth0', 'quoted.ipv4.dst'],
      ['client/eth0', 'quoted.udp.dstPort'],
    ]);
    expect(conversation(run(1, { quoted: inside }))).toContainEqual(['client/eth0', 'quoted.ipv4.dst']);
  });

  test('finds an error that shows the pod to the outside', () => {
    expect(probe(run(1, { src: '10.244.1.5' }))[0]).toEqual(['node1/eth0', 'ipv4.src']);
    expect(conversation(run(1, { src: '10.244.1.5' }))[0]).toEqual(['node1/eth0', 'ipv4.src']);
  });

  test('finds one that did not come', () => {
    const { hops: seen } = run(1);
    const without = { hops: new Map(seen).set('client/eth0', seen.get('client/eth0')!.slice(0, 1)) };
    expect(probe(without)).toEqual([['client/eth0', 'packet']]);
    expect(conversation(without)).toEqual([['client/eth0', 'packet']]);
  });
});

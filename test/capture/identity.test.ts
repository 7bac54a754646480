import { describe, expect, test } from 'vitest';
import type { CapturedFrame } from '../../src/capture/captured-frame.ts';
import { identify } from '../../src/capture/identity.ts';
import { sight } from '../../src/capture/sighting.ts';
import { captured, type Described, frameBytes, packetBytes, text } from './support/frames.ts';
import { chosenByUserspace, hops, runOf, type Sent } from './support/node-port-path.ts';

const identified = (frames: readonly CapturedFrame[], order: readonly string[] = hops) => identify(frames.map(sight), order);
const all = (sent: readonly Sent[]) => [...runOf(sent, chosenByUserspace).hops.values()].flat();
const waysOf = (frames: readonly CapturedFrame[]) =>
  identified(frames).packets.map(p => p.sightings.map(s => `${s.frame.hop} ${s.frame.direction}`));

const question: Described = {
  srcMac: '02:00:00:00:00:09',
  dstMac: '02:00:00:00:00:11',
  src: '10.244.1.5',
  srcPort: 40_000,
  dst: '10.96.0.10',
  dstPort: 53,
  ttl: 64,
  id: 0, // as Linux sends datagrams of unconnected sockets with DF
  protocol: 'udp',
  seq: 0,
  ack: 0,
  flags: 0,
  payload: text('the same question'),
};
const behind = (d: Described): Described => ({
  ...d,
  dst: '10.244.2.2',
  ttl: 63,
  srcMac: '02:00:00:00:00:11',
  dstMac: '02:00:00:00:00:12',
});

describe('which sightings are one packet', () => {
  test('not two that look alike and never meet: resets of two pods, on two nodes', () => {
    const reset: Described = { ...question, protocol: 'tcp', flags: 4, seq: 1_000_001, srcPort: 40_001, payload: new Uint8Array(0) };
    const other = { ...reset, src: '10.244.2.5', dst: '10.244.2.1' };
    const { packets } = identified([
      captured('pod-a/eth0', 'out', 1000n, frameBytes(reset)),
      captured('node1/cni0', 'in', 1100n, frameBytes(reset)),
      captured('pod-d/eth0', 'out', 9000n, frameBytes(other)),
      captured('node2/cni0', 'in', 9100n, frameBytes(other)),
    ]);
    expect(packets.map(p => p.sightings.map(s => s.frame.hop))).toEqual([
      ['pod-a/eth0', 'node1/cni0'],
      ['pod-d/eth0', 'node2/cni0'],
    ]);
  });

  test('through masquerade, DNAT, an envelope and back out of it', () => {
    const { packets, flows } = identified(all([{ by: 'client', flags: 2 }]));
    expect(packets.length).toBe(1);
    expect(packets[0]!.certain).toBe(true);
    expect(packets[0]!.sightings.map(s => s.frame.hop)).toEqual([
      'client/eth0',
      'lan0',
      'node1/eth0',
      'node1/flannel.1',
      'node1/eth0',
      'lan0',
      'node2/eth0',
      'node2/flannel.1',
      'node2/cni0',
      'pod-b/eth0',
    ]);
    const first = packets[0]!.sightings[0]!.tuple!;
    const last = packets[0]!.sightings.at(-1)!.tuple!;
    expect(first.dst).not.toBe(last.dst);
    expect(flows.flowKey(first)).toBe(flows.flowKey(last));
    expect(flows.isOriginal(last)).toBe(true);
  });

  test('knows the answer as the other direction of the same flow', () => {
    const { packets, flows } = identified(
      all([
        { by: 'client', flags: 2 },
        { by: 'server', flags: 0x12, ack: 1 },
      ]),
    );
    expect(packets.length).toBe(2);
    const [request, answer] = packets.map(p => p.sightings[0]!.tuple!);
    expect(flows.flowKey(request!)).toBe(flows.flowKey(answer!));
    expect(flows.isOriginal(answer!)).toBe(false);
  });

  const pair = (out: bigint, through: bigint) => [
    captured('pod-a/eth0', 'out', out, frameBytes(question)),
    captured('node1/eth0', 'out', through, frameBytes(behind(question))),
  ];
  const times = (frames: readonly CapturedFrame[]) =>
    identified(frames, ['pod-a/eth0', 'node1/eth0']).packets.map(p => [p.certain, ...p.sightings.map(s => s.frame.timeNs)]);

  test('is certain of equal datagrams that follow each other', () => {
    expect(times([...pair(1n, 2n), ...pair(101n, 102n)])).toEqual([
      [true, 1n, 2n],
      [true, 101n, 102n],
    ]);
  });

  test('deals equal datagrams of one flow that are under way together in order, and says that it is a guess', () => {
    expect(times([...pair(1n, 11n), ...pair(2n, 12n)])).toEqual([
      [false, 1n, 11n],
      [false, 2n, 12n],
    ]);
  });

  test('tells equal datagrams of two flows apart by what an unambiguous packet has shown of the flows', () => {
    const other: Described = { ...question, srcPort: 40_001, payload: question.payload };
    const masqueraded = (d: Described): Described => ({ ...behind(d), src: '10.244.1.0', srcPort: d.srcPort + 1000 });
    const known = (d: Described): Described => ({ ...d, payload: text(`only from ${d.srcPort}`) });
    const frames = [
      captured('pod-a/eth0', 'out', 1n, frameBytes(known(question))),
      captured('node1/eth0', 'out', 2n, frameBytes(masqueraded(known(question)))),
      captured('pod-a/eth0', 'out', 3n, frameBytes(known(other))),
      captured('node1/eth0', 'out', 4n, frameBytes(masqueraded(known(other)))),
      captured('pod-a/eth0', 'out', 10n, frameBytes(question)),
      captured('pod-a/eth0', 'out', 11n, frameBytes(other)),
      captured('node1/eth0', 'out', 12n, frameBytes(masqueraded(other))), // overtakes
      captured('node1/eth0', 'out', 13n, frameBytes(masqueraded(question))),
    ];
    const { packets } = identified(frames, ['pod-a/eth0', 'node1/eth0']);
    expect(packets.slice(2).map(p => [p.certain, p.sightings.map(s => s.tuple!.srcPort)])).toEqual([
      [true, [40_000, 41_000]],
      [true, [40_001, 41_001]],
    ]);
  });

  test('takes the router at its word where it numbered a packet', () => {
    const traced = (hop: string, t: bigint, id: number, d: Described): CapturedFrame => ({
      ...captured(hop, undefined, t, packetBytes(d)),
      linkType: 101,
      tracedId: id,
    });
    const frames = [
      traced('node1/prerouting', 1n, 5, question),
      traced('node1/postrouting', 2n, 5, { ...behind(question), payload: text('rewritten on the way') }),
    ];
    expect(waysOf(frames)).toEqual([['node1/prerouting undefined', 'node1/postrouting undefined']]);
  });

  test('does not take a retransmission for the same packet', () => {
    const sent: Sent = { by: 'client', flags: 0x18, seq: 1, ack: 1, payload: text('again') };
    const frames = all([sent, sent]);
    expect(identified(frames).packets.map(p => p.sightings.length)).toEqual([10, 10]);
  });
});

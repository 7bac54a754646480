import { expect, test } from 'vitest';
import type { CapturedFrame } from '../../../src/capture/captured-frame.ts';
import { sight } from '../../../src/capture/sighting.ts';
import { FOREVER } from '../../../src/lab/evidence.ts';
import { frameOf } from '../../../src/lab/sight.ts';
import { flowOf, flowPacket, type TcpProbe } from '../../../src/lab/steps/burst.ts';
import { changedClients, choicesOf, judgeLoyalty, judgeShares } from '../../../src/lab/steps/choices.ts';
import { probeFrame } from '../../../src/lab/steps/probe-frame.ts';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';

const packet: TcpProbe = { protocol: 'tcp', dst: '192.168.56.11:30003', srcPort: 10_000, flags: 'SYN', seq: 500, ack: 0, text: '' };
const alone = { count: 1 };
const topology = clusterTopology({ nodes: ['node1'], outside: { client: '203.0.113.9/24' } }, () => 'kernel');
const phase = { kind: 'burst', what: '', injectedAt: 'client/eth0', fromNs: 10n, untilNs: FOREVER } as const;

const frame = (flow: number, over: Partial<CapturedFrame> = {}, changed: Partial<TcpProbe> = {}): CapturedFrame => ({
  ...frameOf(probeFrame(topology, 'client', { ...flowPacket(packet, flow, alone), ...changed }, flow), 'in'),
  timeNs: 20n,
  ...over,
});

test('each connection has a port and a sequence number of its own', () => {
  expect(flowPacket(packet, 3, alone)).toMatchObject({ srcPort: 10_003, seq: 503 });
  expect([499, 500, 505, 506].map(seq => flowOf(packet, 6, seq))).toEqual([-1, 0, 5, -1]);
});

test('a connection belongs to the backend that saw its SYN come in', () => {
  const frames = new Map([
    ['a/eth0', [frame(0), frame(4)]],
    ['b/eth0', [frame(1), frame(1), frame(3)]], // a SYN that was sent again
  ]);
  expect(choicesOf({ phase, packet, flows: 6 }, ['a/eth0', 'b/eth0'], frames)).toEqual([0, 1, -1, 1, 0, -1]);
});

test('what goes out, what is no SYN, what came before and what is of no connection of the burst counts for nothing', () => {
  const frames = new Map([
    [
      'a/eth0',
      [frame(0, { direction: 'out' }), frame(1, {}, { flags: 'ACK' }), frame(2, { timeNs: 9n }), frame(6), frame(3, {}, { seq: 1 })],
    ],
  ]);
  expect(choicesOf({ phase, packet, flows: 6 }, ['a/eth0', 'nowhere/eth0'], frames)).toEqual([-1, -1, -1, -1, -1, -1]);
});

test('the judgement names the Service, and what does not fit', () => {
  const step = { do: 'expect shares', what: 'web', hops: ['a/eth0', 'b/eth0'] } as const;
  const { check, shares } = judgeShares({ step, phase, packet, flows: 2, clients: alone }, new Map([['a/eth0', [frame(0)]]]));
  expect(check).toEqual({
    at: 'web',
    text: '2 connections are shared by chance: each by itself, each backend alike',
    ok: false,
    saw: '1 of 2 connections reached no backend',
  });
  expect(shares.shares.map(s => [s.backend, s.flows])).toEqual([
    ['a', 1],
    ['b', 0],
  ]);
});

test('a crowd has an address for each client, and the same one in every round', () => {
  const clients = { first: '203.0.113.254', count: 3 };
  expect([0, 1, 2, 3].map(flow => flowPacket(packet, flow, clients).src)).toEqual([
    '203.0.113.254',
    '203.0.113.255',
    '203.0.114.0',
    '203.0.113.254',
  ]);
  const sent = probeFrame(topology, 'client', flowPacket(packet, 1, { first: '203.0.113.16', count: 3 }));
  expect(sight(frameOf(sent)).ipv4).toMatchObject({ src: '203.0.113.17', dst: '192.168.56.11' });
});

test('clients who came to another backend than before are counted once', () => {
  expect(changedClients([0, 1, 0, 0, 1, 0], 3)).toBe(0);
  expect(changedClients([0, 1, 0, 1, 1, 0, 0, 1, 1], 3)).toBe(2);
  expect(changedClients([0, 0, 0, 1], 1)).toBe(1);
});

test('loyalty is judged between two bounds, and a connection that was lost is no backend', () => {
  const step = (least: number, most: number) =>
    ({ do: 'expect loyalty', what: 'web', hops: ['a/eth0', 'b/eth0'], changed: [least, most] }) as const;
  const check = (least: number, most: number) => ({ step: step(least, most), phase, packet, flows: 4, clients: { count: 2 } });
  const frames = new Map([
    ['a/eth0', [frame(0), frame(1), frame(2)]],
    ['b/eth0', [frame(3)]],
  ]);
  const figure = '2 clients, 2 times: 1 came to another backend than before';
  expect(judgeLoyalty(check(0, 0), frames)).toEqual({
    at: 'web',
    text: '2 clients, 2 times: all keep their backend',
    ok: false,
    saw: figure,
  });
  expect(judgeLoyalty(check(1, 2), frames)).toEqual({
    at: 'web',
    text: '2 clients, 2 times: 1 to 2 come to another backend',
    ok: true,
    figure,
  });
  frames.delete('b/eth0');
  expect(judgeLoyalty(check(0, 2), frames)).toMatchObject({ ok: false, saw: '1 of 4 connections reached no backend' });
});

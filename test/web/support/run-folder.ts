/** Folders of runs as `kubehop lab run --out` leaves them, made of frames by hand: a client behind node 1's node port, a pod on node 2. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildJourney } from '../../../src/capture/journey/journey.ts';
import { writeJourney } from '../../../src/capture/journey/write.ts';
import type { Place } from '../../../src/web/report-data.ts';
import { text } from '../../capture/support/frames.ts';
import { type Chosen, macs, runOf, type Sent } from '../../capture/support/node-port-path.ts';

export const handshake: readonly Sent[] = [
  { by: 'client', flags: 2 },
  { by: 'server', flags: 0x12, ack: 1 },
  { by: 'client', flags: 0x10, seq: 1, ack: 1 },
];

/** A conversation of `packets` packets after its handshake. Each is seen ten times. */
export const conversation = (packets: number): Sent[] => [
  ...handshake,
  ...Array.from(
    { length: packets - handshake.length },
    (_, i): Sent => ({ by: 'client', flags: 0x18, seq: 1 + 5 * i, ack: 1, payload: text('hello') }),
  ),
];

export const places: Place[] = [
  { name: 'client', role: 'client', address: '203.0.113.9', on: 'upstream', hops: ['client/eth0'] },
  { name: 'upstream', role: 'upstream', on: 'lan0', hops: [] },
  { name: 'lan0', role: 'switch', hops: ['lan0'] },
  { name: 'node1', role: 'node', address: '192.168.56.11', on: 'lan0', hops: ['node1/eth0', 'node1/flannel.1', 'node1/cni0'] },
  { name: 'node2', role: 'node', address: '192.168.56.12', on: 'lan0', hops: ['node2/eth0', 'node2/flannel.1', 'node2/cni0'] },
  { name: 'pod-b', role: 'pod', address: '10.244.2.2', on: 'node2', hops: ['pod-b/eth0'] },
];

/** Makes `folder`, and in it what a run leaves that the page is made of. */
export function writeRunFolder(folder: string, sent: readonly Sent[], chosen: Chosen): void {
  mkdirSync(folder, { recursive: true });
  const names = new Map([['10.244.2.2', 'pod-b']]);
  writeJourney(folder, buildJourney({ hops: runOf(sent, chosen).hops, names }));
  writeFileSync(join(folder, 'run.json'), JSON.stringify({ phases: [], order: [], macs: Object.fromEntries(macs), places }));
  writeFileSync(join(folder, 'conntrack.txt'), '# node1\ntcp 6 ESTABLISHED src=203.0.113.9\n');
}

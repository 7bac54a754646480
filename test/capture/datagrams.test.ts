import { describe, expect, test } from 'vitest';
import type { CapturedFrame } from '../../src/capture/captured-frame.ts';
import { identify } from '../../src/capture/identity.ts';
import { sight } from '../../src/capture/sighting.ts';
import { captured, type Described, frameBytes } from './support/frames.ts';

const datagram: Described = {
  srcMac: '02:00:00:00:00:01',
  dstMac: '02:00:00:00:00:02',
  src: '10.244.1.2',
  srcPort: 40_000,
  dst: '10.96.0.10',
  dstPort: 53,
  ttl: 64,
  id: 77,
  protocol: 'udp',
  seq: 0,
  ack: 0,
  flags: 0,
  payload: Uint8Array.from({ length: 2000 }, (_, i) => i & 0xff),
};
const translated = { ...datagram, dst: '10.244.2.2', dstPort: 5353, ttl: 63, dstMac: '02:00:00:00:00:03' };

/** The frame cut at `at` bytes of its IP payload: a multiple of eight. */
function cut(frame: Uint8Array, at: number): Uint8Array[] {
  const head = frame.subarray(0, 34);
  const payload = frame.subarray(34);
  const piece = (from: number, to: number, more: boolean): Uint8Array => {
    const bytes = Uint8Array.from([...head, ...payload.subarray(from, to)]);
    new DataView(bytes.buffer).setUint16(16, 20 + to - from);
    new DataView(bytes.buffer).setUint16(20, (more ? 0x2000 : 0) | (from / 8));
    return bytes;
  };
  return [piece(0, at, true), piece(at, payload.length, false)];
}

const seen = (hop: string, timeNs: bigint, bytes: Uint8Array): CapturedFrame => captured(hop, 'in', timeNs, bytes);

describe('fragments', () => {
  const before = seen('pod-a/eth0', 1n, frameBytes(datagram));
  const [first, second] = cut(frameBytes(translated), 1400).map((bytes, i) => seen('node2/cni0', 10n + BigInt(i), bytes));

  test('are the packet that they were before, through NAT', () => {
    const { packets, flows } = identify([before, first!, second!].map(sight));
    expect(packets.map(p => [p.id, p.sightings.length, p.certain])).toEqual([[1, 3, true]]);
    const tuples = packets[0]!.sightings.flatMap(s => s.tuple ?? []); // only the first fragment has ports
    expect(new Set(tuples.map(t => flows.flowKey(t))).size).toBe(1);
  });

  test('are the packet that they become when they come in the wrong order', () => {
    const late = { ...before, timeNs: 99n };
    expect(identify([{ ...first!, timeNs: 12n }, second!, late].map(sight)).packets.length).toBe(1);
  });

  test('of which some are missing are packets of their own', () => {
    expect(identify([before, first!].map(sight)).packets.length).toBe(2);
  });

  test('of an envelope are what is in it', () => {
    const envelope = {
      srcMac: '02:00:00:00:00:11',
      dstMac: '02:00:00:00:00:12',
      src: '192.168.56.11',
      dst: '192.168.56.12',
      srcPort: 50_001,
      vni: 1,
      id: 9,
    };
    const pieces = cut(frameBytes({ ...datagram, envelope }), 1480).map((bytes, i) => seen('node1/eth0', 20n + BigInt(i), bytes));
    const { packets } = identify([before, ...pieces].map(sight));
    expect(packets.map(p => p.sightings.length)).toEqual([3]);
  });
});

import { describe, expect, test } from 'vitest';
import { LabError } from '../../src/base/errors.ts';
import { memoryPair } from '../../src/device/memory-pair.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { Gso, Packet, PacketType } from '../../src/packet/packet.ts';

const batchOf = (n: number) => Array.from({ length: n }, () => new Packet());
const frameTo = (dst: ArrayLike<number>, ...rest: number[]) => Uint8Array.of(...Array.from(dst), 2, 0, 0, 0, 0, 9, 8, 0, ...rest);

describe('memory pair', () => {
  test('carries a frame to the other end with headroom in front', () => {
    const [a, b] = memoryPair();
    const frame = frameTo(b.mac, 1, 2, 3);
    expect(a.send(frame)).toBe(true);
    const batch = batchOf(4);
    expect(b.receive(batch)).toBe(1);
    const p = batch[0]!;
    expect([...p.bytes.subarray(p.start, p.end)]).toEqual([...frame]);
    expect(p.start - p.floor).toBe(128);
    expect(p.ceiling).toBeGreaterThan(p.end);
    expect(a.counters).toMatchObject({ txPackets: 1, txBytes: frame.length });
    expect(b.counters).toMatchObject({ rxPackets: 1, rxBytes: frame.length });
  });

  test('carries nothing until it is flushed', () => {
    const [a, b] = memoryPair();
    const p = new Packet();
    p.borrow({ bytes: frameTo(b.mac), base: 0 }, 0, 0, 14, 14);
    expect(a.transmit(p)).toBe(true);
    expect(b.receive(batchOf(1))).toBe(0);
    a.flush();
    expect(b.receive(batchOf(1))).toBe(1);
  });

  test('says how a frame was addressed', () => {
    const [a, b] = memoryPair();
    for (const dst of [b.mac, [255, 255, 255, 255, 255, 255], [1, 0, 0x5e, 0, 0, 1], [2, 9, 9, 9, 9, 9]]) a.send(frameTo(dst));
    const batch = batchOf(4);
    b.receive(batch);
    expect(batch.map(p => p.type)).toEqual([PacketType.Host, PacketType.Broadcast, PacketType.Multicast, PacketType.OtherHost]);
  });

  test('does not use a slot again before it is released, and drops when the wire is full', () => {
    const [a, b] = memoryPair({}, {}, { slots: 2 });
    expect([a.send(frameTo(b.mac, 1)), a.send(frameTo(b.mac, 2)), a.send(frameTo(b.mac, 3))]).toEqual([true, true, false]);
    const batch = batchOf(2);
    expect(b.receive(batch)).toBe(2);
    expect(a.send(frameTo(b.mac, 4))).toBe(false);
    expect(batch.map(p => p.bytes[p.end - 1])).toEqual([1, 2]);
    b.release();
    expect(a.send(frameTo(b.mac, 5))).toBe(true);
    expect(b.take().map(f => f.at(-1))).toEqual([5]);
    expect(a.counters).toMatchObject({ txPackets: 3, txDropped: 2 });
  });

  test('goes round its slots in order', () => {
    const [a, b] = memoryPair({}, {}, { slots: 5 });
    const seen: number[] = [];
    for (let i = 0; i < 60; i++) {
      a.send(frameTo(b.mac, i));
      if (i % 3 === 2) seen.push(...b.take().map(f => f.at(-1)!));
    }
    expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  test('keeps the offload fields, the checksum where the bytes now are', () => {
    const [a, b] = memoryPair({}, {}, { headroom: 200 });
    const p = new Packet();
    p.borrow(plainMemory(300), 0, 50, 250, 300);
    Object.assign(p, { csumStart: 84, csumOffset: 16, gsoType: Gso.Tcp4, gsoSize: 60, hdrLen: 54, csumValid: true });
    a.transmit(p);
    a.flush();
    const [q] = batchOf(1) as [Packet];
    b.receive([q]);
    expect(q).toMatchObject({ csumOffset: 16, gsoType: Gso.Tcp4, gsoSize: 60, hdrLen: 54, csumValid: true });
    expect(q.csumStart - q.start).toBe(34);
  });

  test('an end that failed says so, takes and gives nothing, and leaves the other its frames', () => {
    const [a, b] = memoryPair({ name: 'eth0' });
    a.send(frameTo(b.mac));
    b.send(frameTo(a.mac));
    a.fail();
    expect(a.failure).toBeInstanceOf(LabError);
    expect(a.failure?.message).toBe('"eth0": interface was deleted');
    expect(a.failure?.code).toBe('DEVICE_GONE');
    expect(a.receive(batchOf(1))).toBe(0);
    expect(a.send(frameTo(b.mac))).toBe(false);
    expect(b.take().length).toBe(1);
    expect(b.failure).toBeUndefined();
  });

  test('a bare wire carries IP packets: no MAC, every packet is for the host', () => {
    const [a, b] = memoryPair({}, {}, { bare: true });
    a.send(Uint8Array.of(0x45, 0, 0, 20, ...new Array<number>(16).fill(0xff)));
    const batch = batchOf(1);
    b.receive(batch);
    expect([...b.mac]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(batch[0]!.type).toBe(PacketType.Host);
  });

  test('refuses a frame larger than it carries', () => {
    const [a] = memoryPair({}, {}, { frameSize: 100 });
    expect([a.send(new Uint8Array(100)), a.send(new Uint8Array(101))]).toEqual([true, false]);
  });
});

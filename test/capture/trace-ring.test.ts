import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../src/base/address.ts';
import { DropReason } from '../../src/base/drop-reason.ts';
import { TraceReader, type TraceRecord } from '../../src/capture/trace-reader.ts';
import { hopComment, toTraceLine } from '../../src/capture/trace-text.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { CtInfo, Packet } from '../../src/packet/packet.ts';
import { TeeTracer } from '../../src/packet/tee-tracer.ts';
import { Control, createTraceRing, viewTraceRing } from '../../src/packet/trace-ring.ts';
import { HOOK_HOP, lostRecords, Manip, PacketNumbers, RingTracer } from '../../src/packet/tracer.ts';
import { Hook, Verdict } from '../../src/packet/verdict.ts';
import { tcpSyn } from '../wire/support/real-frames.ts';

const memory = plainMemory(4096);
function packet(frame: Uint8Array = tcpSyn): Packet {
  memory.bytes.set(frame, 128);
  const p = new Packet();
  p.borrow(memory, 0, 128, 128 + frame.length, 4096);
  p.l3 = 128 + 14;
  p.iif = 1;
  p.oif = 2;
  return p;
}
const drain = (reader: TraceReader): TraceRecord[] => {
  const records: TraceRecord[] = [];
  reader.drain(r => records.push(r));
  return records;
};
const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

describe('the trace ring', () => {
  test('carries what the router told, in order', () => {
    const shared = createTraceRing(65_536);
    const tracer = new RingTracer(shared);
    const p = packet();
    tracer.arrive(p);
    p.ct = 12;
    p.ctinfo = CtInfo.New;
    p.mark = 0x4000;
    tracer.conntrack(p);
    tracer.rule(p, Hook.Prerouting, 7);
    tracer.policy(p, Hook.Prerouting, 9, Verdict.Accept);
    tracer.nat(p, Manip.Destination, parseIpv4('10.96.0.10'), 80, parseIpv4('10.244.2.2'), 8080);
    tracer.passed(p, Hook.Prerouting);
    tracer.depart(p);
    const records = drain(new TraceReader(shared));
    expect(records.map(r => r.kind)).toEqual(['hop', 'conntrack', 'rule', 'rule', 'nat', 'hop', 'hop']);
    expect(new Set(records.map(r => r.packet))).toEqual(new Set([1]));
    expect(records[0]).toMatchObject({ hopId: 1, direction: 1, ct: -1, linkType: 1, length: tcpSyn.length });
    expect(records[5]).toMatchObject({ hopId: HOOK_HOP + Hook.Prerouting, direction: 0, ct: 12, mark: 0x4000, linkType: 101 });
    expect(records[6]).toMatchObject({ hopId: 2, direction: 2 });
    const bytesOf = (r: TraceRecord | undefined): string => (r?.kind === 'hop' ? hex(r.bytes) : '');
    expect(bytesOf(records[0])).toBe(hex(tcpSyn));
    expect(bytesOf(records[5])).toBe(hex(tcpSyn.subarray(14)));
    const names = new Map([[HOOK_HOP, 'node1/prerouting']]);
    const lines = records.map(r => toTraceLine('node1', r, names));
    expect(lines[2]).toMatchObject({ node: 'node1', packet: 1, hook: 'PREROUTING', event: 'matched', counter: 7 });
    expect(lines[3]).toMatchObject({ event: 'policy', verdict: 'ACCEPT' });
    expect(lines[4]).toMatchObject({ rewrite: 'destination', from: '10.96.0.10:80', to: '10.244.2.2:8080' });
    expect(lines[5]).toMatchObject({ hop: 'node1/prerouting', ct: 12, state: 'NEW', mark: 0x4000 });
  });

  test('says when a packet was dropped, and why', () => {
    const shared = createTraceRing(4096);
    const tracer = new RingTracer(shared);
    const p = packet();
    tracer.arrive(p);
    p.reason = DropReason.NetfilterDrop;
    tracer.drop(p);
    const record = drain(new TraceReader(shared))[1]!;
    expect(record).toMatchObject({ kind: 'drop', reason: DropReason.NetfilterDrop, hopId: 1 });
    expect(record.kind === 'drop' && hopComment(record)).toEqual(['dropped: NETFILTER_DROP']);
  });

  test('gives real time, as the kernel does for frames', () => {
    const shared = createTraceRing(4096);
    // The machine's clock may be set meanwhile, which a process that runs does not take over.
    const second = 1_000_000_000n;
    const now = BigInt(Date.now()) * 1_000_000n;
    new RingTracer(shared).arrive(packet());
    const record = drain(new TraceReader(shared))[0]!;
    expect(record.timeNs).toBeGreaterThanOrEqual(now - 10n * second);
    expect(record.timeNs).toBeLessThanOrEqual(now + 60n * second);
  });

  test('keeps a packet its id inside the node, and gives the next one another', () => {
    const shared = createTraceRing(4096);
    const tracer = new RingTracer(shared);
    const p = packet();
    tracer.arrive(p);
    tracer.arrive(p); // out of a tunnel
    const q = packet();
    tracer.depart(q); // made by the node itself
    expect([p.id, q.id]).toEqual([1, 2]);
  });

  test('never waits: what finds no room is counted, and what was there stays', () => {
    const shared = createTraceRing(4096);
    const tracer = new RingTracer(shared);
    const sent = 100;
    for (let i = 0; i < sent; i++) tracer.arrive(packet());
    const reader = new TraceReader(shared);
    const first = drain(reader);
    expect(first.length).toBeGreaterThan(10);
    expect(first.length + lostRecords(shared)).toBe(sent);
    expect(first.map(r => r.packet)).toEqual(first.map((_, i) => i + 1));
    tracer.arrive(packet());
    expect(drain(reader).map(r => r.packet)).toEqual([sent + 1]);
  });

  test('tells a packet whole or not at all', () => {
    const shared = createTraceRing(16_384);
    const tracer = new RingTracer(shared);
    const reader = new TraceReader(shared);
    const records: TraceRecord[] = [];
    for (let i = 0; i < 400; i++) {
      const p = packet();
      tracer.arrive(p);
      for (let rule = 0; rule < 10; rule++) tracer.rule(p, Hook.Prerouting, rule);
      tracer.passed(p, Hook.Prerouting);
      tracer.depart(p);
      if (i % 40 === 0) records.push(...drain(reader));
    }
    records.push(...drain(reader));
    const told = [...Map.groupBy(records, r => r.packet).values()];
    expect(told.length).toBeGreaterThan(40);
    expect(new Set(told.map(list => list.length))).toEqual(new Set([13]));
    expect(told.length + lostRecords(shared)).toBe(400);
  });

  test('says beforehand whether a packet is told, and counts one that is not once', () => {
    const shared = createTraceRing(4096);
    const full = new RingTracer(shared);
    while (full.tells(packet())) full.arrive(packet());
    const before = lostRecords(shared);
    const p = packet();
    expect([full.tells(p), full.tells(p)]).toEqual([false, false]);
    full.arrive(p);
    full.depart(p);
    expect(lostRecords(shared)).toBe(before + 1);
    const empty = new RingTracer(createTraceRing(4096));
    expect([new TeeTracer([full, empty]).tells(p), new TeeTracer([full]).tells(p)]).toEqual([true, false]);
  });

  test('reads the clock at hops: what is between two stands between them, in order', () => {
    const shared = createTraceRing(65_536);
    const tracer = new RingTracer(shared);
    const p = packet();
    for (const tell of [() => tracer.arrive(p), () => tracer.conntrack(p), () => tracer.rule(p, 0, 1), () => tracer.depart(p)]) tell();
    const next = packet();
    tracer.rule(next, 0, 1); // made by the node: no hop before it
    const times = drain(new TraceReader(shared)).map(r => r.timeNs);
    expect(times.every((t, i) => i === 0 || t > times[i - 1]!)).toBe(true);
    expect(times[2]! - times[0]!).toBe(2n);
  });

  test('tells one ring everything and another only the hops that it is for, under the same numbers', () => {
    const [all, some] = [createTraceRing(65_536), createTraceRing(65_536)];
    const numbers = new PacketNumbers();
    const tee = new TeeTracer([new RingTracer(all, { numbers }), new RingTracer(some, { numbers, hops: [2] })]);
    for (let i = 0; i < 3; i++) {
      const p = packet();
      tee.arrive(p);
      tee.rule(p, Hook.Prerouting, 1);
      tee.depart(p);
    }
    expect(drain(new TraceReader(all)).map(r => r.packet)).toEqual([1, 1, 1, 2, 2, 2, 3, 3, 3]);
    const seen = drain(new TraceReader(some));
    expect(seen.map(r => [r.packet, r.kind])).toEqual([
      [1, 'hop'],
      [2, 'hop'],
      [3, 'hop'],
    ]);
  });

  test('goes round its end with records of every length, also where its positions overflow', () => {
    const shared = createTraceRing(4096);
    const ring = viewTraceRing(shared);
    ring.control[Control.Written] = 0x7fff_f000;
    ring.control[Control.Read] = 0x7fff_f000;
    const tracer = new RingTracer(shared);
    const reader = new TraceReader(shared);
    for (let i = 0; i < 500; i++) {
      const frame = new Uint8Array(14 + ((i * 37) % 900)).fill(i);
      const p = packet(frame);
      tracer.arrive(p);
      const [record] = drain(reader);
      expect(record).toMatchObject({ kind: 'hop', packet: i + 1, length: frame.length });
      expect(record?.kind === 'hop' && hex(record.bytes)).toBe(hex(frame));
    }
    expect(lostRecords(shared)).toBe(0);
  });

  test('cuts a frame that is longer than what may be kept, and says how long it was', () => {
    const shared = createTraceRing(4096);
    new RingTracer(shared, { snapLength: 64 }).arrive(packet(new Uint8Array(1000)));
    const record = drain(new TraceReader(shared))[0]!;
    expect(record).toMatchObject({ length: 1000 });
    expect(record.kind === 'hop' && record.bytes.length).toBe(64);
  });

  test('is read by another thread while it is written', async () => {
    const shared = createTraceRing(8192);
    const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData.url).then(({ TraceReader }) => {
        const reader = new TraceReader(workerData.shared);
        let last = 0, count = 0, ordered = true;
        parentPort.postMessage('ready');
        const until = () => { reader.drain(r => { ordered &&= r.packet > last; last = r.packet; count++; }); };
        while (Atomics.load(workerData.stop, 0) === 0) until();
        until();
        parentPort.postMessage({ count, last, ordered });
      });`;
    const stop = new Int32Array(new SharedArrayBuffer(4));
    const url = new URL('../../src/capture/trace-reader.ts', import.meta.url).href;
    const worker = new Worker(program, { eval: true, workerData: { shared, stop, url } });
    const message = (): Promise<unknown> => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await message();
    const done = message();
    const tracer = new RingTracer(shared);
    const p = packet();
    for (let i = 0; i < 50_000; i++) {
      p.id = 0;
      tracer.arrive(p);
    }
    Atomics.store(stop, 0, 1);
    const { count, ordered } = (await done) as { count: number; ordered: boolean };
    expect(ordered).toBe(true);
    expect(count + lostRecords(shared)).toBe(50_000);
    expect(count).toBeGreaterThan(0);
    await worker.terminate();
  });

  test('has a size that is a power of two', () => {
    expect(() => createTraceRing(5000)).toThrow('must be a power of two from 4096');
  });
});

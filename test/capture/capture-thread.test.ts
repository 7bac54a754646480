// The capture thread without interfaces: only what routers write, so no privilege is needed.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Capture } from '../../src/capture/capture.ts';
import { hopFileName, readHops } from '../../src/capture/captured-frame.ts';
import { readTrace } from '../../src/capture/journey/write.ts';
import { HopFiles, MergedStream } from '../../src/capture/output.ts';
import { readCaptureFile } from '../../src/capture/pcapng/reader.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import { createTraceRing } from '../../src/packet/trace-ring.ts';
import { HOOK_HOP, RingTracer } from '../../src/packet/tracer.ts';
import { Hook } from '../../src/packet/verdict.ts';
import { arpRequest, tcpData, tcpSyn } from '../wire/support/real-frames.ts';

const folder = mkdtempSync(join(tmpdir(), 'capture-thread-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const memory = plainMemory(2048);
function packet(frame: Uint8Array): Packet {
  memory.bytes.set(frame, 128);
  const p = new Packet();
  p.borrow(memory, 0, 128, 128 + frame.length, 2048);
  p.l3 = 128 + 14;
  p.iif = 3;
  p.oif = 3;
  return p;
}

describe('the capture thread', () => {
  test('writes the hops of a router and its trace, all of it up to stop', async () => {
    const shared = createTraceRing(1 << 20);
    const out = join(folder, 'ring');
    const traceFile = join(folder, 'trace.jsonl');
    const hops = [
      { id: 3, name: 'node1/flannel.1' },
      { id: HOOK_HOP + Hook.Prerouting, name: 'node1/prerouting', linkType: 101 },
    ];
    const capture = await Capture.start({
      hops: [],
      rings: [{ node: 'node1', shared, hops, interfaces: ['', 'lo', 'eth0'] }],
      output: { folder: out },
      traceFile,
    });
    const tracer = new RingTracer(shared);
    for (let i = 0; i < 300; i++) {
      const p = packet(i % 2 === 0 ? tcpSyn : tcpData);
      tracer.arrive(p);
      tracer.rule(p, Hook.Prerouting, i);
      tracer.passed(p, Hook.Prerouting);
    }
    const elsewhere = packet(arpRequest);
    elsewhere.iif = 2; // an interface that is not a hop: in the trace only
    tracer.arrive(elsewhere);
    const report = await capture.stop();
    expect(report).toMatchObject({ rings: [{ node: 'node1', lost: 0 }], unread: 0 });
    expect(report.hops).toEqual([
      { name: 'node1/flannel.1', received: 300, dropped: 0, written: 300 },
      { name: 'node1/prerouting', received: 300, dropped: 0, written: 300 },
    ]);
    const seen = readHops(out);
    expect(seen.get('node1/flannel.1')!.map(f => f.tracedId)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    expect(seen.get('node1/flannel.1')![0]).toMatchObject({ direction: 'in', linkType: 1 });
    expect(seen.get('node1/prerouting')![1]!.bytes.length).toBe(tcpData.length - 14);
    const trace = readTrace(traceFile);
    expect(trace.length).toBe(901);
    expect(trace[1]).toMatchObject({ node: 'node1', packet: 1, kind: 'rule', counter: 0 });
    expect(trace[2]).toMatchObject({ kind: 'hop', hop: 'node1/prerouting' });
    expect(trace[900]).toMatchObject({ kind: 'hop', hop: 'node1/eth0' });
  });

  test('counts packets for which its ring had no room, also in the files of the hops that may have seen them', async () => {
    const shared = createTraceRing(4096);
    const out = join(folder, 'lost');
    const tracer = new RingTracer(shared);
    for (let i = 0; i < 100; i++) tracer.arrive(packet(tcpSyn));
    const hops = [{ id: 3, name: 'node1/flannel.1' }];
    const capture = await Capture.start({ hops: [], rings: [{ node: 'node1', shared, hops }], output: { folder: out } });
    const { rings, hops: counted } = await capture.stop();
    expect(rings[0]!.lost).toBeGreaterThan(0);
    expect(counted[0]!.written + rings[0]!.lost).toBe(100);
    const [flannel] = readCaptureFile(join(out, hopFileName('node1/flannel.1'))).interfaces;
    expect(flannel!.statistics).toMatchObject({ received: 100, dropped: rings[0]!.lost, delivered: counted[0]!.written });
  });

  test('gives the same report when it is stopped twice', async () => {
    const capture = await Capture.start({ hops: [], output: { folder: join(folder, 'twice') } });
    expect(await capture.stop()).toBe(await capture.stop());
  });

  test('says what went wrong when it cannot write', async () => {
    const start = Capture.start({ hops: [], output: { stream: join(folder, 'no', 'such', 'folder.pcapng') } });
    await expect(start).rejects.toMatchObject({ name: 'LabError', message: expect.stringContaining('ENOENT') });
  });
});

describe('the files of hops', () => {
  test('are there for hops that saw nothing, and have the hop as the name of their interface', () => {
    const out = join(folder, 'empty');
    const files = new HopFiles(out, {});
    files.addHop({ name: 'pod-a/eth0' });
    files.close();
    expect(hopFileName('pod-a/eth0')).toBe('pod-a_eth0.pcapng');
    expect([...readHops(out)]).toEqual([['pod-a/eth0', []]]);
  });
});

describe('a merged stream', () => {
  test('waits for frames of other hops that are older, and sorts what it has', () => {
    const path = join(folder, 'merged.pcapng');
    let nowNs = 1_000_000_000n;
    const stream = new MergedStream(path, {}, () => nowNs);
    const [a, b] = [stream.addHop({ name: 'a' }), stream.addHop({ name: 'b' })];
    const times = () => readCaptureFile(path).packets.map(p => p.timeNs);
    stream.packet(a, { timeNs: 999_000_000n, bytes: tcpSyn });
    stream.flush(false);
    expect(times()).toEqual([]); // too young: hop b may have an older one
    stream.packet(b, { timeNs: 998_000_000n, bytes: tcpData, start: 2, end: 40 });
    nowNs += 100_000_000n;
    stream.flush(false);
    expect(times()).toEqual([998_000_000n, 999_000_000n]);
    stream.packet(b, { timeNs: nowNs, bytes: tcpData });
    stream.close();
    expect(times().length).toBe(3);
    expect(Buffer.from(readCaptureFile(path).packets[0]!.bytes).equals(tcpData.subarray(2, 40))).toBe(true);
    expect(readFileSync(path).length % 4).toBe(0);
  });
});

import { expect, test } from 'vitest';
import { TRACE_BYTES } from '../../src/lab/instance.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import { createTraceRing } from '../../src/packet/trace-ring.ts';
import { lostRecords, RingTracer } from '../../src/packet/tracer.ts';
import { Hook } from '../../src/packet/verdict.ts';

const FRAME = 1500;
/** Where node1 tells of a frame that comes out of the tunnel: eth0, two hooks, flannel.1, two hooks more and eth0 again. */
const PLACES = 8;
const RULES = 20;

test('a node has room to tell of a download of a mebibyte, and of its acknowledgements, while nobody reads', () => {
  const shared = createTraceRing(TRACE_BYTES);
  const tracer = new RingTracer(shared);
  const p = new Packet();
  const tell = (length: number) => {
    p.borrow(plainMemory(2048), 0, 128, 128 + length, 2048);
    p.l3 = 128 + 14;
    p.id = 0;
    for (let place = 0; place < PLACES; place++) tracer.passed(p, Hook.Forward);
    for (let rule = 0; rule < RULES; rule++) tracer.rule(p, Hook.Forward, rule);
  };
  for (let bytes = 0; bytes < 1 << 20; bytes += FRAME - 102) {
    tell(FRAME);
    tell(66);
  }
  expect(lostRecords(shared)).toBe(0);
});

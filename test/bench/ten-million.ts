/**
 * Ten million packets through a router on real wires: does its heap grow with them? Established connections, and one in a hundred packets begins
 * a new one. Run in namespaces of its own, as root:
 *
 *     unshare --mount --net --pid --fork --kill-child --mount-proc -- sh src/lab/daemon/init.sh node test/bench/ten-million.ts [packets]
 *
 * Prints what was and what is; exit 1 when the heap of the router's threads, or its buffers, have grown by more than `ALLOWED`.
 */
import { Generator } from '../../src/bench/load/generator.ts';
import { RouterPlane } from '../../src/bench/planes/router.ts';
import { services } from '../../src/bench/rules/services.ts';
import { buildBed } from '../../src/bench/wires/bed.ts';
import { received } from '../../src/bench/wires/meter.ts';
import { sinkAt } from '../../src/bench/wires/sink.ts';

const ALLOWED = 1 << 20;
const FRESH_EVERY = 100;
const PIECE_MS = 500;

const packets = Number(process.argv[2] ?? 10_000_000);
// Only what nobody refers to any more is no growth: the node's thread collects before it answers.
process.env.NODE_OPTIONS = '--expose-gc';
const bed = buildBed('ten', 'veth');
const plane = await RouterPlane.start(bed, { services: services(1), transport: 'udp' });
sinkAt(bed);
const generator = await Generator.start(bed, 1);
const burst = { flows: 1000, freshEvery: FRESH_EVERY, milliseconds: PIECE_MS };

/** Everything compiled, every table touched; the connections are gone. */
async function settle(): Promise<{ heap: number; buffers: number }> {
  await plane.forget();
  await plane.process.counters();
  const { memory } = await plane.process.counters();
  return { heap: memory.heapUsed, buffers: memory.arrayBuffers };
}

for (let i = 0; i < 6; i++) await generator.send(burst);
const before = await settle();
const first = received(bed.server).packets;
let carried = 0;
while (carried < packets) {
  await generator.send(burst);
  // Before the table is full of what nobody answers.
  await plane.forget();
  carried = received(bed.server).packets - first;
}
const after = await settle();
await generator.close();
await plane.close();

const grown = { heap: after.heap - before.heap, buffers: after.buffers - before.buffers };
console.log(JSON.stringify({ packets: carried, before, after, grown }));
process.exit(grown.heap > ALLOWED || grown.buffers > ALLOWED ? 1 : 0);

/**
 * Conntrack alone: packets per second at a thousand and at a million flows, bytes per flow, and whether memory grows with packets.
 *
 *     node --expose-gc test/bench/conntrack.ts [flows]
 *
 * Exit 1 when a bound of `bounds` is broken. Packets of a batch are made outside the measured time; a batch is what a device gives.
 */
import { monotonicClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Conntrack } from '../../src/conntrack/conntrack.ts';
import { Manip, RangeFlag } from '../../src/conntrack/nat/range.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import { Hook } from '../../src/packet/verdict.ts';
import { setU16, setU32 } from '../../src/wire/bytes.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';

/**
 * `established` is of conntrack and NAT alone, where waiting for memory is half of all the work at a million flows. The rest of a packet's
 * path costs the same at any number of flows, so that a router keeps more of its rate than this.
 */
const bounds = { bytesPerFlow: 128, established: 0.5, fresh: 0.5, heapPerPacket: 0.5 };
const BATCH = 64;
/** Batches that are made at a time; the clock of the processor is read once for them. */
const BATCHES = 16;
const MADE = BATCH * BATCHES;
const FRAME = 128;
const PACKETS = 3000 * MADE;
const SERVER = 0x0af40105; // 10.244.1.5
const SERVICE = 0x0a600001; // 10.96.0.1

class Traffic {
  readonly batches: Packet[][] = [];
  readonly #bytes: Uint8Array;
  readonly #tcp: boolean;
  constructor(tcp: boolean) {
    this.#tcp = tcp;
    const memory = plainMemory(MADE * FRAME);
    this.#bytes = memory.bytes;
    for (let i = 0; i < MADE; i++) {
      if (i % BATCH === 0) this.batches.push([]);
      const p = new Packet();
      const at = i * FRAME + 32;
      ipv4.write(memory.bytes, at, 0, tcp ? 40 : 28, 0, 0, 64, tcp ? 6 : 17, 0, SERVER);
      p.borrow(memory, i * FRAME, at, at + (tcp ? 40 : 28), (i + 1) * FRAME);
      this.batches.at(-1)!.push(p);
    }
  }

  /** Packet `i` of those that are made becomes one of flow `n`: 250 ports for each client address. */
  fill(i: number, n: number, reply: boolean, flags: number): void {
    const b = this.#bytes;
    const at = i * FRAME + 32;
    const client = 0x0b000000 + Math.floor(n / 250);
    const port = 10_000 + (n % 250);
    setU32(b, at + 12, reply ? SERVER : client);
    setU32(b, at + 16, reply ? client : SERVICE);
    setU16(b, at + 20, reply ? 8080 : port);
    setU16(b, at + 22, reply ? port : 80);
    if (this.#tcp) {
      setU32(b, at + 24, flags === 2 ? 999 : 1000);
      setU32(b, at + 28, flags === 2 ? 0 : 1000);
      b[at + 32] = 0x50;
      b[at + 33] = flags;
      setU16(b, at + 34, 60_000);
      if (flags === 18) setU32(b, at + 24, 999);
    } else {
      setU16(b, at + 24, 8);
    }
    ipv4.rewriteChecksum(b, at);
    const p = this.batches[i >> 6]![i & 63]!;
    p.borrow(p, p.floor, at, at + (this.#tcp ? 40 : 28), p.ceiling);
    p.l3 = at;
    p.l4 = at + 20;
    p.csumValid = true;
  }
}

function path(ct: Conntrack, p: Packet): void {
  ct.track(p, Hook.Prerouting);
  if (ct.nat.consults(p, Hook.Prerouting))
    ct.nat.bind(p.ct, Manip.Dst, RangeFlag.MapIps | RangeFlag.ProtoSpecified, SERVER, SERVER, 8080, 8080);
  ct.nat.translate(p, Hook.Prerouting);
  if (ct.nat.consults(p, Hook.Postrouting)) ct.nat.bindNull(p.ct, Manip.Src);
  ct.nat.translate(p, Hook.Postrouting);
  ct.confirm(p);
}

/** Sends `packets` packets; the flow of each is asked of `flow`. @returns packets per second of processor time, of the path alone */
function run(
  ct: Conntrack,
  traffic: Traffic,
  packets: number,
  flow: (n: number) => number,
  reply: (n: number) => boolean,
  flags: number,
): number {
  let us = 0;
  for (let n = 0; n < packets; n += MADE) {
    for (let i = 0; i < MADE; i++) traffic.fill(i, flow(n + i), reply(n + i), flags);
    const start = process.cpuUsage();
    for (const batch of traffic.batches) {
      ct.sweep();
      ct.prefetch(batch, BATCH, 0);
      for (let i = 0; i < BATCH; i++) path(ct, batch[i]!);
    }
    us += process.cpuUsage(start).user;
  }
  return (packets / us) * 1e6;
}

function measure(flows: number, tcp: boolean) {
  const random = new SeededRandom(7);
  const ct = new Conntrack({ clock: monotonicClock, random, capacity: Math.max(1024, flows) });
  const traffic = new Traffic(tcp);
  const inOrder = (n: number): number => n % flows;
  const no = (): boolean => false;
  const yes = (): boolean => true;
  const count = Math.ceil(flows / MADE) * MADE;
  const fresh = run(ct, traffic, count, inOrder, no, 2);
  run(ct, traffic, count, inOrder, yes, 18);
  run(ct, traffic, count, inOrder, no, 16);
  const pick = (): number => random.below(flows);
  const half = (n: number): boolean => (n & 1) === 1;
  run(ct, traffic, 500 * MADE, pick, half, 16);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const established = run(ct, traffic, PACKETS, pick, half, 16);
  globalThis.gc?.();
  const grown = process.memoryUsage().heapUsed - before;
  return { size: ct.size, fresh, established, bytes: ct.memory / ct.core.table.capacity, heapPerPacket: grown / PACKETS };
}

/** New flows as a thousand show it: tables made again and again, the first ones while the compiler still looks on. */
function freshSmall(tcp: boolean): number {
  const traffic = new Traffic(tcp);
  let seconds = 0;
  for (let round = 0; round < 300; round++) {
    const ct = new Conntrack({ clock: monotonicClock, random: new SeededRandom(round), capacity: 1024 });
    const perSecond = run(
      ct,
      traffic,
      MADE,
      n => n % 1000,
      () => false,
      2,
    );
    if (round >= 50) seconds += MADE / perSecond;
  }
  return (250 * MADE) / seconds;
}

const flows = Number(process.argv[2] ?? 1_000_000);
const failures: string[] = [];
const rate = (r: number): string => `${(r / 1e6).toFixed(2)} M/s`;
for (const tcp of [false, true]) {
  measure(1000, tcp); // the compiler has seen everything
  const small = measure(1000, tcp);
  const smallFresh = freshSmall(tcp);
  const large = measure(flows, tcp);
  const name = tcp ? 'TCP' : 'UDP';
  console.log(
    `${name}  established  1000 flows ${rate(small.established)}   ${flows} flows ${rate(large.established)}   ratio ${(large.established / small.established).toFixed(2)}`,
  );
  console.log(
    `${name}  new          1000 flows ${rate(smallFresh)}   ${flows} flows ${rate(large.fresh)}   ratio ${(large.fresh / smallFresh).toFixed(2)}`,
  );
  console.log(
    `${name}  ${large.bytes.toFixed(1)} bytes per flow, heap grew ${large.heapPerPacket.toFixed(3)} bytes per packet, ${large.size} entries`,
  );
  if (large.established / small.established < bounds.established)
    failures.push(`${name}: established at ${flows} flows below ${bounds.established}`);
  if (large.fresh / smallFresh < bounds.fresh) failures.push(`${name}: new at ${flows} flows below ${bounds.fresh}`);
  if (large.bytes > bounds.bytesPerFlow) failures.push(`${name}: more than ${bounds.bytesPerFlow} bytes per flow`);
  if (large.heapPerPacket > bounds.heapPerPacket) failures.push(`${name}: heap grows with packets`);
  if (large.size !== flows) failures.push(`${name}: ${large.size} entries for ${flows} flows`);
}
for (const f of failures) console.error(f);
process.exitCode = failures.length > 0 ? 1 : 0;

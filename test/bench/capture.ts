/**
 * What it costs a router to be captured: the same packets with nobody looking, and with every hop, rule and rewrite told to the capture
 * thread, which writes files meanwhile. Memory wires in place of a kernel, so that the router itself is all that is measured. Off and on
 * in turn, by the clock on the wall: the capture thread competes for the processors as it does in a lab. Twice: without an end, where the
 * router outruns its reader and most packets find no room; and in bursts for which there is room, so that all of every packet is told: this is
 * what telling costs, and has no bound (a packet that is told is asked about at every rule; one that is not goes the way that is known).
 * Row j of `kubehop bench` is the first on real wires.
 *
 *     node test/bench/capture.ts [rounds]
 *
 * Exit 1 when less than half of the packets per second is left without an end, or when a packet is neither told nor counted as lost.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseMac } from '../../src/base/address.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Capture } from '../../src/capture/capture.ts';
import { LinkType } from '../../src/capture/pcapng/format.ts';
import { type MemoryDevice, memoryPair } from '../../src/device/memory-pair.ts';
import { compile } from '../../src/netfilter/execute/compile.ts';
import { needsConntrack } from '../../src/netfilter/needs-conntrack.ts';
import { Netfilter } from '../../src/netfilter/netfilter.ts';
import { readRuleSet } from '../../src/netfilter/text/read.ts';
import { buildNode } from '../../src/node/build.ts';
import { checkDescription } from '../../src/node/description.ts';
import { takeFrames } from '../../src/node/loop.ts';
import { plainMemory } from '../../src/packet/memory.ts';
import { Packet } from '../../src/packet/packet.ts';
import { createTraceRing } from '../../src/packet/trace-ring.ts';
import { HOOK_HOP, lostRecords, RingTracer, type Tracer } from '../../src/packet/tracer.ts';
import { hookNames } from '../../src/packet/verdict.ts';
import { RulesEnvironment } from '../../src/router/rules-environment.ts';
import { RulesHooks } from '../../src/router/rules-hooks.ts';
import { setU16 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';

const AT_LEAST = 0.5;
const BATCH = 64;
const MADE = 1024;
const FLOWS = 1000;
/** Packets of a turn without an end: about a quarter of a second. */
const TURN = 256 * MADE;
/** Bytes of a ring that one packet takes beside its frames, and how often it is a frame: more than it is, so that a burst has room. */
const TOLD_BYTES = 700;
const TOLD_FRAMES = 6;
const SERVICE = 0x0a600001; // 10.96.0.1
const UP = '02:00:00:00:00:01';
const N1 = '02:00:00:00:00:11';

const DESCRIPTION = checkDescription({
  ports: [
    { name: 'eth0', kind: 'packet', mac: N1, addresses: ['192.168.56.11/24'] },
    { name: 'cni0', kind: 'packet', mac: '02:00:00:00:01:01', addresses: ['10.244.1.1/24'] },
  ],
  neighbours: [{ ip: '10.244.1.5', mac: '02:00:00:00:01:05', dev: 'cni0' }],
  routes: [{ to: 'default', via: '192.168.56.1' }],
  sysctl: { 'net.ipv4.ip_forward': 1, 'net.ipv4.conf.all.rp_filter': 0 },
});

const RULES = `*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -d 10.96.0.1/32 -p udp -m udp --dport 80 -j DNAT --to-destination 10.244.1.5:8080
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
COMMIT
`;

class Router {
  readonly #clock = new VirtualClock(1000);
  readonly #batch = Array.from({ length: BATCH }, () => new Packet());
  readonly #wires: MemoryDevice[] = [];
  readonly #built;
  readonly #netfilter;
  readonly #packets: Packet[] = [];

  /** @param length of the frames, in bytes */
  constructor(length: number) {
    const room = length + 128;
    this.#built = buildNode(DESCRIPTION, {
      clock: this.#clock,
      random: new SeededRandom(1),
      connections: 4 * FLOWS,
      open: port => {
        const [near, far] = memoryPair({ name: port.name, mac: parseMac(port.mac!) }, {}, { frameSize: room, slots: MADE });
        this.#wires.push(far);
        return near;
      },
    });
    const { plane, conntrack } = this.#built;
    this.#netfilter = new Netfilter(new RulesEnvironment(plane, conntrack));
    const { ruleSet } = readRuleSet(RULES, { file: 'rules' });
    this.#netfilter.install(compile(ruleSet, {}).program, needsConntrack(ruleSet));
    plane.hooks = new RulesHooks(this.#netfilter, conntrack, plane.reassembly);
    const memory = plainMemory(MADE * room);
    for (let i = 0; i < MADE; i++) {
      const p = new Packet();
      p.borrow(memory, i * room, i * room, i * room + length, (i + 1) * room);
      writeFrame(memory.bytes, i * room, i * room + length, i % FLOWS);
      this.#packets.push(p);
    }
  }

  set tracer(tracer: Tracer | null) {
    this.#built.plane.tracer = tracer;
    this.#netfilter.tracer = tracer;
  }
  get interfaces(): string[] {
    return this.#built.plane.interfaces.map(i => i?.name ?? '');
  }

  /** @returns microseconds that the router's side took */
  turn(packets: number): number {
    const { plane, conntrack, ports } = this.#built;
    const [wire, out] = this.#wires as [MemoryDevice, MemoryDevice];
    const piece = Math.min(packets, MADE);
    let us = 0;
    for (let sent = 0; sent < packets; sent += piece) {
      for (let i = 0; i < piece; i++) wire.transmit(this.#packets[i]!);
      wire.flush();
      this.#clock.advance(1);
      const start = performance.now();
      while (takeFrames(plane, ports[0]!, this.#batch, (batch, n, link) => conntrack.prefetch(batch, n, link)));
      us += (performance.now() - start) * 1000;
      let arrived = 0;
      for (let n = out.receive(this.#batch); n > 0; n = out.receive(this.#batch)) arrived += n;
      out.release();
      if (arrived !== piece) throw new Error(`${arrived} of ${piece} frames came out: ${JSON.stringify(plane.drops.toObject())}`);
    }
    return us;
  }
}

function writeFrame(b: Uint8Array, at: number, end: number, flow: number): void {
  b.set(parseMac(N1), at);
  b.set(parseMac(UP), at + 6);
  setU16(b, at + 12, 0x0800);
  const ip = at + 14;
  const l4 = ip + 20;
  const src = 0x0b000001;
  ipv4.write(b, ip, 0, end - ip, 1, 0, 64, ipv4.Protocol.Udp, src, SERVICE);
  setU16(b, l4, 10_000 + flow);
  setU16(b, l4 + 2, 80);
  setU16(b, l4 + 4, end - l4);
  setU16(b, l4 + 6, 0);
  setU16(b, l4 + 6, checksum.finish(checksum.add(checksum.pseudoHeader(src, SERVICE, ipv4.Protocol.Udp, end - l4), b, l4, end)) || 0xffff);
}

const median = (rates: readonly number[]): number => rates.toSorted((a, b) => a - b)[rates.length >> 1]!;

const rounds = Number(process.argv[2] ?? 9);
const figure = (off: readonly number[], on: readonly number[]): string =>
  `off ${median(off).toFixed(2)} M/s, every hop on ${median(on).toFixed(2)} M/s: ratio ${ratioOf(off, on).toFixed(2)}`;
const ratioOf = (off: readonly number[], on: readonly number[]): number => median(on.map((rate, i) => rate / off[i]!));

for (const length of [64, 1400]) {
  const router = new Router(length);
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'));
  const shared = createTraceRing();
  const hops = [
    ...router.interfaces.flatMap((name, id) => (name === '' ? [] : [{ id, name: `node1/${name}` }])),
    ...hookNames.map((hook, i) => ({ id: HOOK_HOP + i, name: `node1/${hook.toLowerCase()}`, linkType: LinkType.Raw })),
  ];
  const capture = await Capture.start({
    hops: [],
    rings: [{ node: 'node1', shared, hops, interfaces: router.interfaces }],
    output: { folder: join(folder, 'hops') },
    traceFile: join(folder, 'trace.jsonl'),
  });
  const tracer = new RingTracer(shared);
  const rate = (packets: number, traced: boolean): number => {
    router.tracer = traced ? tracer : null;
    const us = router.turn(packets);
    router.tracer = null;
    return packets / us;
  };
  const endless = { off: [] as number[], on: [] as number[] };
  for (let i = 0; i < rounds + 2; i++) {
    const off = rate(TURN, false);
    const on = rate(TURN, true);
    if (i < 2) continue; // the compiler looks on
    endless.off.push(off);
    endless.on.push(on);
  }
  await capture.keepUp();
  const lost = lostRecords(shared);

  const burst = Math.min(4 * MADE, 2 ** Math.floor(Math.log2((shared.byteLength / (TOLD_BYTES + TOLD_FRAMES * length)) | 0)));
  const bursts = { off: [] as number[], on: [] as number[] };
  for (let i = 0; i < rounds * 10; i++) {
    bursts.off.push(rate(burst, false));
    bursts.on.push(rate(burst, true));
    await capture.keepUp();
  }
  const lostInBursts = lostRecords(shared) - lost;

  const report = await capture.stop();
  rmSync(folder, { recursive: true });
  const told = report.hops.find(h => h.name === 'node1/eth0')!.written;
  const sent = (rounds + 2) * TURN + bursts.on.length * burst;
  console.log(
    `${length} bytes, without an end: ${figure(endless.off, endless.on)}, at least ${AT_LEAST}; no room for ${lost} of ${(rounds + 2) * TURN} packets`,
  );
  console.log(
    `${length} bytes, bursts of ${burst}:  ${figure(bursts.off, bursts.on)}; no room for ${lostInBursts} of ${bursts.on.length * burst} packets`,
  );
  console.log(`${length} bytes: ${told} packets told and ${lost + lostInBursts} counted as not told, of ${sent}`);
  const counted = told + lost + lostInBursts === sent;
  if (!counted || lostInBursts > 0 || ratioOf(endless.off, endless.on) < AT_LEAST) process.exitCode = 1;
}

/**
 * The whole path of a packet at a thousand and at a million connections: device, PREROUTING, conntrack, DNAT, route, FORWARD, POSTROUTING,
 * neighbour, device; memory wires in place of a kernel. Both routers stand side by side and are measured in turn, in processor time of
 * this thread, so that what else runs on the machine weighs on both.
 *
 *     node --expose-gc test/bench/connections.ts [flows] [rounds]
 *
 * Exit 1 when a bound of `bounds` is broken.
 */
import { parseMac } from '../../src/base/address.ts';
import { VirtualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
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
import type { Interface } from '../../src/router/interface.ts';
import { RulesEnvironment } from '../../src/router/rules-environment.ts';
import { RulesHooks } from '../../src/router/rules-hooks.ts';
import { setU16, setU32 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import * as ipv4 from '../../src/wire/ipv4.ts';

const bounds = { bytesPerFlow: 128, established: 0.7, fresh: 0.5, heapPerPacket: 0.5 };
/** As the packet loop takes them. */
const BATCH = 64;
/** Frames that are made at a time; the processor's clock is read once for them. */
const MADE = 16 * BATCH;
const FRAME = 128;
/** Packets of established connections, and new connections, in each turn. */
const TURN = 64 * MADE;
const NEW = 16 * MADE;
const SERVER = 0x0af40105; // 10.244.1.5
const SERVICE = 0x0a600001; // 10.96.0.1
const UP = '02:00:00:00:00:01';
const N1 = '02:00:00:00:00:11';
const CNI = '02:00:00:00:01:01';
const POD = '02:00:00:00:01:05';

const DESCRIPTION = checkDescription({
  ports: [
    { name: 'eth0', kind: 'packet', mac: N1, addresses: ['192.168.56.11/24'] },
    { name: 'cni0', kind: 'packet', mac: CNI, addresses: ['10.244.1.1/24'] },
  ],
  routes: [{ to: 'default', via: '192.168.56.1' }],
  neighbours: [
    { ip: '192.168.56.1', mac: UP, dev: 'eth0' },
    { ip: '10.244.1.5', mac: POD, dev: 'cni0' },
  ],
  sysctl: { 'net.ipv4.ip_forward': 1 },
});

const rules = (protocol: string): string => `*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A KUBE-SERVICES -d 10.96.0.1/32 -p ${protocol} -m ${protocol} --dport 80 -j DNAT --to-destination 10.244.1.5:8080
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
COMMIT
`;

const Kind = { Syn: 2, SynAck: 18, Ack: 16 } as const;
type Kind = (typeof Kind)[keyof typeof Kind];

/** Frames of a client or of the server, written where they stand. */
class Traffic {
  readonly packets: Packet[] = [];
  readonly #bytes: Uint8Array;
  readonly #length: number;
  readonly #tcp: boolean;
  readonly #reply: boolean;

  constructor(tcp: boolean, reply: boolean) {
    this.#tcp = tcp;
    this.#reply = reply;
    this.#length = tcp ? 54 : 42;
    const memory = plainMemory(MADE * FRAME);
    this.#bytes = memory.bytes;
    for (let i = 0; i < MADE; i++) {
      const p = new Packet();
      p.borrow(memory, i * FRAME, i * FRAME, i * FRAME + this.#length, (i + 1) * FRAME);
      memory.bytes.set(parseMac(reply ? CNI : N1), i * FRAME);
      memory.bytes.set(parseMac(reply ? POD : UP), i * FRAME + 6);
      setU16(memory.bytes, i * FRAME + 12, 0x0800);
      this.packets.push(p);
    }
  }

  /** Frame `i` becomes one of flow `n`: 250 ports for each client address. */
  fill(i: number, n: number, kind: Kind): void {
    const b = this.#bytes;
    const ip = i * FRAME + 14;
    const l4 = ip + 20;
    const end = i * FRAME + this.#length;
    const client = 0x0b000000 + Math.floor(n / 250);
    const port = 10_000 + (n % 250);
    const src = this.#reply ? SERVER : client;
    const dst = this.#reply ? client : SERVICE;
    const protocol = this.#tcp ? ipv4.Protocol.Tcp : ipv4.Protocol.Udp;
    ipv4.write(b, ip, 0, end - ip, 1, 0, 64, protocol, src, dst);
    setU16(b, l4, this.#reply ? 8080 : port);
    setU16(b, l4 + 2, this.#reply ? port : 80);
    if (this.#tcp) {
      setU32(b, l4 + 4, kind === Kind.Ack ? 1000 : 999);
      setU32(b, l4 + 8, kind === Kind.Syn ? 0 : 1000);
      b[l4 + 12] = 0x50;
      b[l4 + 13] = kind;
      setU16(b, l4 + 14, 60_000);
      setU32(b, l4 + 16, 0);
    } else {
      setU16(b, l4 + 4, 8);
      setU16(b, l4 + 6, 0);
    }
    const sum = checksum.finish(checksum.add(checksum.pseudoHeader(src, dst, protocol, end - l4), b, l4, end));
    setU16(b, l4 + (this.#tcp ? 16 : 6), sum || 0xffff);
  }
}

class Router {
  readonly #clock = new VirtualClock(1000);
  readonly #batch = Array.from({ length: BATCH }, () => new Packet());
  readonly #built;
  readonly #wires: MemoryDevice[] = [];
  readonly #traffic: Traffic[];
  /** Numbers of the flows in the table; -1 where one was removed. */
  readonly flows: Int32Array;
  #next: number;
  readonly #random = new SeededRandom(7);

  constructor(flows: number, tcp: boolean, capacity = flows) {
    this.#built = buildNode(DESCRIPTION, {
      clock: this.#clock,
      random: new SeededRandom(1),
      connections: capacity + MADE,
      open: port => {
        const [near, far] = memoryPair({ name: port.name, mac: parseMac(port.mac!) }, {}, { frameSize: FRAME, slots: MADE });
        this.#wires.push(far);
        return near;
      },
    });
    const { plane, conntrack } = this.#built;
    const netfilter = new Netfilter(new RulesEnvironment(plane, conntrack));
    const { ruleSet } = readRuleSet(rules(tcp ? 'tcp' : 'udp'), { file: 'rules' });
    netfilter.install(compile(ruleSet, {}).program, needsConntrack(ruleSet));
    plane.hooks = new RulesHooks(netfilter, conntrack, plane.reassembly);
    this.#traffic = [new Traffic(tcp, false), new Traffic(tcp, true)];
    this.flows = Int32Array.from({ length: flows }, (_, i) => i);
    this.#next = flows;
  }

  get conntrack() {
    return this.#built.conntrack;
  }

  /** Sends frames that `flow` names by 0 .. count. @returns microseconds of this thread on the router's side alone */
  send(count: number, reply: boolean, kind: Kind, flow: (n: number) => number): number {
    const side = reply ? 1 : 0;
    let us = 0;
    for (let n = 0; n < count; n += MADE) us += this.#round(side, Math.min(MADE, count - n), kind, i => flow(n + i));
    return us;
  }

  #round(side: number, count: number, kind: Kind, flow: (n: number) => number): number {
    const traffic = this.#traffic[side]!;
    const wire = this.#wires[side]!;
    for (let i = 0; i < count; i++) {
      traffic.fill(i, flow(i), kind);
      wire.transmit(traffic.packets[i]!);
    }
    wire.flush();
    this.#clock.advance(1);
    const us = this.#measured(this.#built.ports[side]!);
    const out = this.#wires[1 - side]!;
    let arrived = 0;
    for (let n = out.receive(this.#batch); n > 0; n = out.receive(this.#batch)) arrived += n;
    out.release();
    if (arrived !== count) throw new Error(`${arrived} of ${count} frames came out: ${JSON.stringify(this.#built.plane.drops.toObject())}`);
    return us;
  }

  #measured(port: Interface): number {
    const { plane, conntrack } = this.#built;
    const start = process.threadCpuUsage();
    for (let more = true; more; ) {
      conntrack.sweep();
      more = takeFrames(plane, port, this.#batch, this.#prefetch);
      plane.reassembly.sweep();
    }
    const { user, system } = process.threadCpuUsage(start);
    return user + system;
  }
  readonly #prefetch = (batch: readonly Packet[], n: number, link: number): void => {
    this.#built.conntrack.prefetch(batch, n, link);
  };

  /** Every flow to ESTABLISHED. */
  establish(): void {
    const inOrder = (n: number): number => this.flows[n]!;
    this.send(this.flows.length, false, Kind.Syn, inOrder);
    this.send(this.flows.length, true, Kind.SynAck, inOrder);
    this.send(this.flows.length, false, Kind.Ack, inOrder);
  }

  /** Packets of established flows in random order, both directions. @returns packets for each microsecond */
  forward(): number {
    const any = (): number => {
      for (;;) {
        const n = this.flows[this.#random.below(this.flows.length)]!;
        if (n >= 0) return n;
      }
    };
    const half = TURN / 2;
    return (2 * half) / (this.send(half, false, Kind.Ack, any) + this.send(half, true, Kind.Ack, any));
  }

  /** Takes `count` flows out of the table; `renew` puts as many new ones into their places. @returns their places */
  remove(count: number): number[] {
    const ct = this.conntrack;
    const places = new Set<number>();
    while (places.size < Math.min(count, this.flows.length)) places.add(this.#random.below(this.flows.length));
    for (const place of places) {
      const n = this.flows[place]!;
      const ports = ((10_000 + (n % 250)) << 16) | 80;
      const entry = [6, 17].map(p => ct.findEntry(0x0b000000 + Math.floor(n / 250), SERVICE, ports, p)).find(i => i >= 0);
      ct.delete(entry!);
      this.flows[place] = -1;
    }
    return [...places];
  }

  /** New flows into these places. @returns packets for each microsecond, of the first packets */
  renew(places: readonly number[]): number {
    for (const place of places) this.flows[place] = this.#next++;
    const flow = (n: number): number => this.flows[places[n]!]!;
    const us = this.send(places.length, false, Kind.Syn, flow);
    this.send(places.length, true, Kind.SynAck, flow);
    this.send(places.length, false, Kind.Ack, flow);
    return places.length / us;
  }
}

/** Routers of both sizes in turn: what the first turns measure, while the compiler looks on, does not count. */
function measure(tcp: boolean, flows: number, rounds: number) {
  const large = new Router(flows, tcp);
  const small = new Router(1000, tcp);
  const empty = new Router(NEW, tcp, flows); // the same table, with nothing in it
  const progress = (words: string): void => void process.stderr.write(`\r${tcp ? 'TCP' : 'UDP'} ${words.padEnd(40)}`);
  progress(`${flows} connections begin`);
  large.establish();
  small.establish();
  empty.conntrack.flush();
  for (let i = 0; i < 3; i++) for (const r of [small, large]) r.forward();
  for (let i = 0; i < 3; i++) newFlows(large, empty);
  globalThis.gc?.();
  const before = process.memoryUsage();
  const rates = { small: [] as number[], large: [] as number[], freshEmpty: [] as number[], freshLarge: [] as number[] };
  for (let i = 0; i < rounds; i++) {
    progress(`round ${i + 1} of ${rounds}`);
    rates.small.push(small.forward());
    rates.large.push(large.forward());
  }
  globalThis.gc?.();
  const after = process.memoryUsage();
  const packets = rounds * TURN * 2;
  const heapPerPacket = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / packets;
  for (let i = 0; i < rounds; i++) {
    progress(`new connections, round ${i + 1} of ${rounds}`);
    const rate = newFlows(large, empty);
    rates.freshEmpty.push(rate.empty);
    rates.freshLarge.push(rate.large);
  }
  process.stderr.write(`\r${' '.repeat(50)}\r`);
  return { ...rates, heapPerPacket, bytes: large.conntrack.memory / large.conntrack.core.table.capacity, size: large.conntrack.size };
}

/** Entries of the large table are free for a while before they are used again: nothing of them is in a cache. */
function newFlows(large: Router, empty: Router): { empty: number; large: number } {
  const places = large.remove(NEW);
  empty.conntrack.flush();
  large.forward();
  return { empty: empty.renew([...empty.flows.keys()]), large: large.renew(places) };
}

const median = (rates: readonly number[]): number => rates.toSorted((a, b) => a - b)[rates.length >> 1]!;

const flows = Number(process.argv[2] ?? 1_000_000);
const rounds = Number(process.argv[3] ?? 15);
const failures: string[] = [];
for (const tcp of [false, true]) {
  const name = tcp ? 'TCP' : 'UDP';
  const m = measure(tcp, flows, rounds);
  const compare = (what: string, words: string, few: number[], many: number[], bound: number): void => {
    // Each round's own two figures are compared: the machine was the same for both.
    const ratio = median(many.map((rate, i) => rate / few[i]!));
    const [a, b] = [median(few), median(many)].map(r => `${r.toFixed(2)} M/s`);
    console.log(`${name}  ${what.padEnd(12)} ${words} ${a}   ${flows} flows ${b}   ratio ${ratio.toFixed(2)}, at least ${bound}`);
    if (ratio < bound) failures.push(`${name}: ${what} at ${flows} flows: ${ratio.toFixed(2)}, below ${bound}`);
  };
  compare('established', '1000 flows ', m.small, m.large, bounds.established);
  compare('new', 'empty table', m.freshEmpty, m.freshLarge, bounds.fresh);
  console.log(
    `${name}  ${m.bytes.toFixed(1)} bytes per flow, memory grew ${m.heapPerPacket.toFixed(3)} bytes per packet, ${m.size} entries`,
  );
  if (m.bytes > bounds.bytesPerFlow) failures.push(`${name}: more than ${bounds.bytesPerFlow} bytes per flow`);
  if (m.heapPerPacket > bounds.heapPerPacket) failures.push(`${name}: memory grows with packets`);
  if (m.size !== flows) failures.push(`${name}: ${m.size} entries for ${flows} flows`);
}
for (const f of failures) console.error(f);
process.exitCode = failures.length > 0 ? 1 : 0;

/** Entry of a node's thread: enters the namespace, opens the devices, runs the loop until it is told to stop, gives everything back. */
import { setFlagsFromString } from 'node:v8';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { parseMac } from '../base/address.ts';
import { monotonicClock } from '../base/clock.ts';
import { LabError } from '../base/errors.ts';
import { SeededRandom } from '../base/random.ts';
import { Netfilter } from '../netfilter/netfilter.ts';
import { EventFd } from '../os/event-fd.ts';
import { arenaOver, type Region, region, regionsOf } from '../os/memory.ts';
import { enterNetns } from '../os/netns.ts';
import { shortSlice } from '../os/thread.ts';
import { TeeTracer } from '../packet/tee-tracer.ts';
import { PacketNumbers, RingTracer } from '../packet/tracer.ts';
import { setHairpin } from '../router/bridge.ts';
import { fragmentSweep } from '../router/expired-fragments.ts';
import { RulesEnvironment } from '../router/rules-environment.ts';
import { RulesHooks } from '../router/rules-hooks.ts';
import { useVectors, vectorMemory } from '../wire/vector-memory.ts';
import { BatchClock } from './batch-clock.ts';
import { type BuiltNode, buildNode, getSysctl, setSysctl } from './build.ts';
import { ConntrackCommands, EventFollowers } from './conntrack-command.ts';
import { KernelRoutes } from './kernel-routes.ts';
import { linksOf } from './links.ts';
import { type LoopParts, runLoop } from './loop.ts';
import { type Network, setNetwork } from './network.ts';
import { openPort } from './open-port.ts';
import type { NodeCounters, NodeMemory, NodeMessage, NodeRequest, NodeStart, NodeTrace } from './protocol.ts';
import { RouteMirror } from './route-mirror.ts';

/**
 * The path of a packet is a long chain of small functions. V8 puts one into another only up to so many bytes of code in all, which ends in the middle of
 * the path; measured on Node 24 with established connections: 0.44 us per packet with its own limits, 0.32 with these.
 */
setFlagsFromString('--max-inlined-bytecode-size=2000');
setFlagsFromString('--max-inlined-bytecode-size-cumulative=4000');

/** A packet that comes in while another thread has the processor waits for no more than its next wake-up. */
const SLICE_US = 100;

/** For what the node makes, and for the segments of eight packet sockets and two TAPs. What is never used is never there. */
const PACKET_MEMORY = 48 << 20;

/** One memory for the packets that the node makes and those that its devices keep: what goes from one to the other is summed by vectors meanwhile. */
function packetMemory(): (size: number) => Region {
  const memory = vectorMemory(PACKET_MEMORY);
  useVectors(memory);
  return memory === null ? region : regionsOf(arenaOver(memory.bytes));
}

/** What is answered at once. */
type Question = Exclude<Extract<NodeRequest, { id: number }>, { kind: 'conntrack' }>;

const start = workerData as NodeStart;
const port = parentPort!;
const say = (message: NodeMessage): void => port.postMessage(message);

class Node {
  readonly #clock = new BatchClock(monotonicClock);
  readonly #built: BuiltNode;
  readonly #netfilter: Netfilter;
  readonly #followers: EventFollowers;
  readonly #commands: ConntrackCommands;
  readonly #wake = new EventFd(start.wakeFd);
  readonly #numbers = new PacketNumbers();
  readonly #sweepFragments: () => void;
  #tracers = new Map<number, RingTracer>();
  #network: Network = start.description;
  readonly #mirror: RouteMirror | null;

  constructor() {
    const random = new SeededRandom(start.seed);
    const memory = packetMemory();
    this.#built = buildNode(start.description, {
      clock: this.#clock,
      random,
      wallClock: () => Date.now() + this.#clock.aheadMs,
      open: (description, opened) => openPort(description, opened, memory),
      memory,
      onFull: message => say({ kind: 'warning', message }),
    });
    const { plane, conntrack } = this.#built;
    const { mirror } = start.description;
    this.#mirror = mirror ? new RouteMirror(start.description.ports, mirror, new KernelRoutes(mirror.table)) : null;
    const environment = new RulesEnvironment(plane, conntrack);
    const netfilter = new Netfilter(environment, { indexed: start.description.index ?? true });
    this.#netfilter = netfilter;
    this.#followers = new EventFollowers(
      conntrack,
      (follower, lines) => say({ kind: 'events', follower, lines }),
      message => say({ kind: 'warning', message }),
    );
    this.#commands = new ConntrackCommands(
      conntrack,
      (id, text) => say({ kind: 'text', id, text }),
      (id, value) => say({ kind: 'answer', id, value }),
    );
    plane.hooks = new RulesHooks(netfilter, conntrack, plane.reassembly);
    this.#sweepFragments = fragmentSweep(plane);
    if (start.program) netfilter.install(start.program, start.tracks);
  }

  run(): void {
    const { plane, conntrack, ports } = this.#built;
    try {
      say({ kind: 'ready', interfaces: plane.interfaces.map(i => i?.name ?? '') });
      this.#setNetwork(this.#network);
      runLoop({
        plane,
        clock: this.#clock,
        ports,
        wakeFd: start.wakeFd,
        onWake: () => this.#hear(),
        ...this.#followed(),
        onDevice: message => say({ kind: 'warning', message }),
        prefetch: (batch, n, linkBytes) => {
          if (this.#netfilter.tracks) conntrack.prefetch(batch, n, linkBytes);
        },
        sweep: () => {
          conntrack.sweep();
          this.#followers.tell();
          this.#sweepFragments();
        },
      });
    } finally {
      this.#mirror?.close();
      this.#built.close();
    }
  }

  #followed(): Pick<LoopParts, 'routes'> {
    const mirror = this.#mirror;
    if (mirror === null) return {};
    return { routes: { fd: mirror.fd, hear: () => mirror.hear(), apply: () => this.#setNetwork(this.#network) } };
  }

  #setNetwork(network: Network): void {
    const mirror = this.#mirror;
    setNetwork(this.#built.plane, this.#network, network, mirror ?? undefined);
    this.#network = network;
    if (mirror !== null) say({ kind: 'mirrored', routes: mirror.told });
  }

  /** A ring that stays keeps its tracer, and with it what it was telling. */
  #trace(rings: readonly NodeTrace[]): void {
    const before = this.#tracers;
    this.#tracers = new Map(
      rings.map(({ id, ring, hops }) => [
        id,
        before.get(id) ?? new RingTracer(ring, { numbers: this.#numbers, ...(hops === null ? {} : { hops }) }),
      ]),
    );
    const [first, ...others] = this.#tracers.values();
    const tracer = first === undefined ? null : others.length === 0 ? first : new TeeTracer([first, ...others]);
    this.#built.plane.tracer = tracer;
    this.#netfilter.tracer = tracer;
  }

  /** Everything that was said since the last time. @returns false to stop. */
  #hear(): boolean {
    this.#wake.drain();
    this.#built.plane.hooks.flows?.forget();
    for (let got = receiveMessageOnPort(port); got; got = receiveMessageOnPort(port)) {
      const request = got.message as NodeRequest;
      if (request.kind === 'stop') return false;
      if (request.kind === 'program') this.#netfilter.install(request.program, request.tracks);
      else if (request.kind === 'patch') this.#netfilter.change(request.patch, request.tracks);
      else if (request.kind === 'trace') this.#trace(request.rings);
      else if (request.kind === 'unfollow') this.#followers.remove(request.follower);
      else if (request.kind === 'conntrack') this.#commands.begin(request.id, request.args);
      else this.#answer(request);
    }
    if (this.#commands.goOn()) this.#wake.wake();
    return true;
  }

  #answer(request: Question): void {
    try {
      say({ kind: 'answer', id: request.id, value: this.#valueFor(request) });
    } catch (error) {
      const known = error instanceof LabError;
      say({ kind: 'refused', id: request.id, code: known ? error.code : 'DAEMON', message: known ? error.message : String(error) });
    }
  }

  #valueFor(request: Question): unknown {
    const { plane, conntrack } = this.#built;
    switch (request.kind) {
      case 'follow':
        return this.#followers.add(request.id, request.args);
      case 'counters':
        return this.#counters();
      case 'links':
        return linksOf(plane);
      case 'advance':
        this.#clock.advance(request.ms);
        conntrack.sweepAll();
        this.#sweepFragments();
        return null;
      case 'network':
        this.#setNetwork(request.network);
        return null;
      case 'hairpin':
        setHairpin(plane, request.macs.map(parseMac));
        return null;
      case 'sysctl': {
        if (request.value !== null) setSysctl(plane, conntrack, request.name, request.value);
        return getSysctl(plane, conntrack, request.name);
      }
    }
  }

  #counters(): NodeCounters {
    const { plane, conntrack, ports } = this.#built;
    return {
      ports: ports.map(({ name, device }) => ({ name, ...device!.counters, failure: device!.failure?.message ?? null })),
      drops: plane.drops.toObject(),
      connections: conntrack.size,
      memory: this.#memory(),
    };
  }

  #memory(): NodeMemory {
    const { plane } = this.#built;
    globalThis.gc?.(); // under --expose-gc somebody looks for growth: what is only not collected yet is none
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    return {
      rss,
      heapUsed,
      arrayBuffers,
      slots: plane.arena.size,
      freeSlots: plane.arena.free,
      fragments: plane.reassembly.used,
      unresolved: plane.neighbours.waiting,
    };
  }
}

try {
  if (start.netns !== null) enterNetns(start.netns);
  shortSlice(SLICE_US);
  new Node().run();
  say({ kind: 'stopped' });
} catch (error) {
  const known = error instanceof LabError;
  say({ kind: 'failed', code: known ? error.code : 'DAEMON', message: known ? error.message : String((error as Error)?.stack ?? error) });
}

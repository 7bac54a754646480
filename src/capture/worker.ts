/**
 * The capture thread: listens at interface hops in many namespaces and reads the trace rings of routers, until it is told to stop.
 * It reports by messages: `ready`, then `done` or `failed`. Stopping is a word in shared memory: this thread does not return to its
 * event loop while it captures.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { CaptureSet } from '../device/capture-set.ts';
import type { CaptureSocket, SeenFrame } from '../device/capture-socket.ts';
import { giveWay } from '../os/thread.ts';
import { PacketType } from '../packet/packet.ts';
import {
  type CaptureMessage,
  type CaptureOptions,
  type CaptureReport,
  CaptureWord,
  type InterfaceHop,
  type TraceRingInput,
} from './capture.ts';
import { machine } from './machine.ts';
import { addressNames } from './names.ts';
import { type CaptureOutput, HopFiles, MergedStream } from './output.ts';
import { type Direction, LinkType, type Reception } from './pcapng/format.ts';
import { type HopRecord, TraceReader, type TraceRecord } from './trace-reader.ts';
import { hopComment, traceLine } from './trace-text.ts';

/** A wait never lasts longer: the stop word and the rings are looked at in between. */
const WAIT_MS = 10;
/**
 * Nobody waits for what goes into files: a ring of 8 MiB then lasts for 1.6 s of few frames. Beside eight busy programs on two processors
 * this thread was away for 90 ms at a time.
 */
const FILES_RETIRE_MS = 25;
/** How long `stop` waits for frames that the kernel counted and has not handed over: for the last block to retire, and more. */
const DRAIN_MS = 1000;
const LINES_AT_A_TIME = 512;
/** Routers go first: what is captured waits in rings, and what finds no room there is counted. */
const NICE = 10;

const receptions: readonly (Reception | undefined)[] = ['unicast', 'broadcast', 'multicast', 'promiscuous', undefined];
const traceDirections: readonly (Direction | undefined)[] = [undefined, 'in', 'out'];

/** A hop that a router writes. `output` is its number there. */
interface RingHop {
  name: string;
  output: number;
  linkType: number;
  frames: number;
}

class CaptureThread {
  readonly #options: CaptureOptions;
  readonly #stop: Int32Array;
  readonly #set: CaptureSet;
  readonly #output: CaptureOutput;
  /** By socket. */
  readonly #hops: number[] = [];
  readonly #rings: { reader: TraceReader; node: string; hops: RingHop[]; visit: (r: TraceRecord) => void }[] = [];
  readonly #visits: ((f: SeenFrame) => void)[] = [];
  readonly #traceFd: number;
  /** Lines for the trace file, until there are enough for a write. */
  #lines: string[] = [];
  readonly #startNs = now();

  constructor(options: CaptureOptions, stop: Int32Array) {
    this.#options = options;
    giveWay(NICE);
    this.#stop = stop;
    const section = {
      ...machine(),
      ...(options.application === undefined ? {} : { application: options.application }),
      ...(options.comment === undefined ? {} : { comment: options.comment }),
    };
    const to = options.output;
    this.#set = new CaptureSet('folder' in to ? options.hops.map(hop => ({ retireMs: FILES_RETIRE_MS, ...hop })) : options.hops);
    this.#output = 'folder' in to ? new HopFiles(to.folder, section) : new MergedStream(to.stream, section);
    this.#traceFd = options.traceFile === undefined ? -1 : openSync(options.traceFile, 'w');
    for (const [i, hop] of options.hops.entries()) this.#addHop(hop, this.#set.sockets[i]!);
    for (const ring of options.rings ?? []) this.#addRing(ring);
    if (options.names !== undefined) this.#output.names(addressNames(options.names));
    this.#output.flush(false);
  }

  #addHop({ name, description, linkType = LinkType.Ethernet }: InterfaceHop, socket: CaptureSocket): void {
    const words = description ?? `${socket.name}, MTU ${socket.mtu}`;
    const { mac, driver: hardware, speedMbps } = socket;
    const speed = speedMbps === undefined ? {} : { speedBps: speedMbps * 1_000_000 };
    const hop = this.#output.addHop({ name, description: words, linkType, mac, hardware, ...speed });
    this.#hops.push(hop);
    this.#visits.push(frame => this.#frame(hop, frame));
  }

  #addRing(ring: TraceRingInput): void {
    const names = new Map<number, string>((ring.interfaces ?? []).map((name, id) => [id, `${ring.node}/${name}`]));
    for (const h of ring.hops) names.set(h.id, h.name);
    const outputs = new Map<number, RingHop>();
    for (const h of ring.hops) {
      const linkType = h.linkType ?? LinkType.Ethernet;
      const output = this.#output.addHop({
        name: h.name,
        description: h.description ?? 'inside the router',
        linkType,
        hardware: 'kubehop router',
      });
      outputs.set(h.id, { name: h.name, output, linkType, frames: 0 });
    }
    const visit = (r: TraceRecord): void => {
      if (this.#traceFd >= 0) this.#line(traceLine(ring.node, r, names));
      if (r.kind === 'hop' || r.kind === 'drop') this.#ringFrame(r, outputs.get(r.hopId));
    };
    this.#rings.push({ reader: new TraceReader(ring.shared), node: ring.node, hops: [...outputs.values()], visit });
  }

  #line(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= LINES_AT_A_TIME) this.#writeLines();
  }

  #writeLines(): void {
    if (this.#lines.length > 0) writeSync(this.#traceFd, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  /** A drop at an interface has been seen there when it came in: the frame is not written twice. */
  #ringFrame(r: HopRecord, hop: RingHop | undefined): void {
    if (hop === undefined || hop.linkType !== r.linkType || r.kind === 'drop') return;
    hop.frames++;
    this.#output.packet(hop.output, {
      timeNs: r.timeNs,
      bytes: r.bytes,
      originalLength: r.length,
      direction: traceDirections[r.direction],
      packetId: r.packet,
      comments: hopComment(r),
    });
  }

  run(): CaptureReport {
    while (Atomics.load(this.#stop, CaptureWord.Stop) === 0) {
      this.#set.wait(WAIT_MS);
      this.#drain();
      this.#output.flush(false);
      Atomics.add(this.#stop, CaptureWord.Rounds, 1);
    }
    const unread = this.#finish();
    return this.#report(unread);
  }

  /** Everything that the kernel had counted when we were told to stop. @returns frames that did not come in time. */
  #finish(): number {
    const until = performance.now() + DRAIN_MS;
    let unread = this.#set.waiting();
    while (unread > 0 && performance.now() < until) {
      this.#set.wait(1);
      this.#drain();
      unread = this.#set.sockets.reduce((n, socket) => n + Math.max(0, socket.waiting), 0);
    }
    this.#drain();
    return unread;
  }

  #drain(): void {
    for (const [i, socket] of this.#set.sockets.entries()) socket.drain(this.#visits[i]!);
    for (const ring of this.#rings) ring.reader.drain(ring.visit);
  }

  #frame(hop: number, f: SeenFrame): void {
    const whole = f.vlan === 0 ? f : withVlanTag(f);
    this.#output.packet(hop, {
      timeNs: BigInt(f.seconds) * 1_000_000_000n + BigInt(f.nanoseconds),
      bytes: whole.bytes,
      start: whole.start,
      end: whole.end,
      originalLength: whole.length,
      direction: f.type === PacketType.Outgoing ? 'out' : 'in',
      reception: receptions[f.type],
    });
  }

  #report(unread: number): CaptureReport {
    this.#set.waiting();
    const endNs = now();
    const hops: CaptureReport['hops'] = [];
    for (const [i, socket] of this.#set.sockets.entries()) {
      const counters = { received: socket.received, dropped: socket.dropped, written: socket.read };
      this.#output.statistics(this.#hops[i]!, statistics(this.#startNs, endNs, counters));
      hops.push({ name: this.#options.hops[i]!.name, ...counters });
    }
    const rings: CaptureReport['rings'] = [];
    for (const ring of this.#rings) {
      for (const hop of ring.hops) {
        // Of a packet that was not told nobody knows which of the router's hops it passed: each says that there may be more.
        const { lost } = ring.reader;
        const counters = { received: hop.frames + lost, dropped: lost, written: hop.frames };
        this.#output.statistics(hop.output, statistics(this.#startNs, endNs, counters));
        hops.push({ name: hop.name, ...counters });
      }
      rings.push({ node: ring.node, lost: ring.reader.lost });
    }
    return { hops, rings, unread };
  }

  close(): void {
    this.#set.close();
    this.#output.flush(true);
    this.#output.close();
    if (this.#traceFd < 0) return;
    this.#writeLines();
    closeSync(this.#traceFd);
  }
}

const now = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;

const statistics = (startNs: bigint, endNs: bigint, c: { received: number; dropped: number; written: number }) => ({
  timeNs: endNs,
  startNs,
  endNs,
  received: c.received,
  dropped: c.dropped,
  delivered: c.written,
});

/** The kernel takes the tag out on the way up; put it back. */
function withVlanTag(f: SeenFrame): { bytes: Uint8Array; start: number; end: number; length: number } {
  const n = f.end - f.start;
  const bytes = new Uint8Array(n + 4);
  bytes.set(f.bytes.subarray(f.start, f.start + 12));
  bytes.set([f.vlan >>> 24, f.vlan >>> 16, f.vlan >>> 8, f.vlan], 12);
  bytes.set(f.bytes.subarray(f.start + 12, f.end), 16);
  return { bytes, start: 0, end: n + 4, length: f.length + 4 };
}

const say = (message: CaptureMessage): void => parentPort!.postMessage(message);
let thread: CaptureThread | undefined;
try {
  const { options, stop } = workerData as { options: CaptureOptions; stop: Int32Array };
  thread = new CaptureThread(options, stop);
  say({ kind: 'ready' });
  const report = thread.run();
  thread.close();
  say({ kind: 'done', report });
} catch (error) {
  const { code = 'OS', message } = error as { code?: string; message: string };
  say({ kind: 'failed', code, message });
}

/** Random traffic through a real router for a long time: what it holds in memory must not grow, and at the end it holds nothing. */
import type { NodeMemory } from '../../src/node/protocol.ts';
import type { NoiseOrder } from './noise.ts';
import type { RandomClientOrder, RandomClientResult } from './random-client.ts';
import { answer, GATEWAY, line, POD, SERVICE, type Wires } from './wires.ts';

export interface SoakOptions {
  minutes: number;
  seed: number;
  progress: (words: string) => void;
}
export interface Sample extends NodeMemory {
  atS: number;
  connections: number;
  packets: number;
}
export interface SoakReport {
  samples: Sample[];
  /** When every time has run out. */
  end: Sample;
  client: RandomClientResult;
  drops: Record<string, number>;
  events: number;
  listed: number;
}

const NOBODY = '10.244.1.77';
/** No time is longer, so that the end comes soon: sysctls and their kernel defaults in seconds. */
const TIMEOUTS: Record<string, number> = {
  generic_timeout: 600,
  icmp_timeout: 30,
  tcp_timeout_close: 10,
  tcp_timeout_close_wait: 60,
  tcp_timeout_established: 432_000,
  tcp_timeout_fin_wait: 120,
  tcp_timeout_last_ack: 30,
  tcp_timeout_max_retrans: 300,
  tcp_timeout_syn_recv: 60,
  tcp_timeout_syn_sent: 120,
  tcp_timeout_time_wait: 120,
  tcp_timeout_unacknowledged: 300,
  udp_timeout: 30,
  udp_timeout_stream: 120,
  gre_timeout: 30,
  gre_timeout_stream: 180,
};
const FRAGMENT_S = 30;

export async function soak(wires: Wires, o: SoakOptions): Promise<SoakReport> {
  const short = o.minutes <= 5;
  const longestS = short ? 10 : 120;
  const sysctl: Record<string, number> = { 'net.ipv4.ipfrag_time': Math.min(FRAGMENT_S, longestS) };
  for (const [name, seconds] of Object.entries(TIMEOUTS)) sysctl[`net.netfilter.nf_conntrack_${name}`] = Math.min(seconds, longestS);
  // What is only not collected yet is no growth.
  await wires.open({ sysctl, offload: true, nodeOptions: ['--expose-gc'] });
  await line(wires.program('pod', 'pod-server.ts', {}), 'stdout', /READY/);
  const mac = (side: 'router' | 'client'): string => wires.inside(side, ['cat', '/sys/class/net/eth0/address']).stdout.trim();
  const noise: NoiseOrder = {
    rate: 60, // of which many leave fragments behind: past this the 4 MiB for them are always full
    seed: o.seed,
    between: {
      srcMac: mac('client'),
      dstMac: mac('router'),
      src: ['203.0.113.9', '203.0.113.10', '198.18.0.1', '198.18.77.7', POD],
      dst: [POD, NOBODY, SERVICE, GATEWAY, '10.244.1.1', '198.51.100.5', '10.244.1.255', '224.0.0.1'],
    },
  };
  const order: RandomClientOrder = { service: SERVICE, pod: POD, nobody: NOBODY, seed: o.seed, rate: 30 };
  const client = wires.program('client', 'random-client.ts', order);
  const told = answer(client) as Promise<RandomClientResult>;
  const noisy = wires.program('client', 'noise.ts', noise);
  const ping = wires.start('client', ['ping', '-q', '-i', '0.05', '-s', '2000', POD]);

  const samples: Sample[] = [];
  const watcher = new Watcher(wires);
  const everyMs = short ? 2000 : 10_000;
  const startMs = performance.now();
  const endMs = startMs + o.minutes * 60_000;
  for (let turn = 1; performance.now() < endMs; turn++) {
    await pause(Math.max(0, Math.min(startMs + turn * everyMs, endMs) - performance.now()));
    samples.push(await sample(wires, startMs));
    o.progress(tell(samples.at(-1)!));
    await watcher.turn(turn);
  }
  for (const child of [client, noisy, ping]) wires.end(child);
  const result = await told;
  const { drops } = await wires.counters();
  let end = await sample(wires, startMs);
  // Every time has run out by then: the longest, an unanswered neighbour's, and what a sweep may be behind.
  for (const lastMs = performance.now() + (longestS + 30) * 1000; !quiet(end) && performance.now() < lastMs; ) {
    await pause(1000);
    end = await sample(wires, startMs);
    o.progress(tell(end));
  }
  await watcher.stop();
  return { samples, end, client: result, drops, events: watcher.events, listed: watcher.listed };
}

/** What people do meanwhile: lists, events, rules that come and go. */
class Watcher {
  events = 0;
  listed = 0;
  readonly #wires: Wires;
  #stop: (() => Promise<void>) | undefined;

  constructor(wires: Wires) {
    this.#wires = wires;
  }

  async turn(n: number): Promise<void> {
    if (n % 3 === 0) this.listed += (await this.#wires.kubehop(['conntrack', '-L'])).stdout.split('\n').length - 1;
    if (n % 3 === 1)
      for (const word of ['-A', '-D']) await this.#wires.kubehop(['iptables', word, 'FORWARD', '-s', `10.9.9.${n % 250}`, '-j', 'DROP']);
    if (n % 3 === 2) {
      await this.stop();
      this.#stop = this.#wires.follow([], () => {
        this.events++;
      });
    }
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = undefined;
  }
}

const quiet = (s: Sample): boolean => s.connections === 0 && s.fragments === 0 && s.unresolved === 0 && s.freeSlots === s.slots;

async function sample(wires: Wires, startMs: number): Promise<Sample> {
  const { memory, connections, ports } = await wires.counters();
  return {
    ...memory,
    connections,
    packets: ports.reduce((sum, p) => sum + p.rxPackets, 0),
    atS: Math.round((performance.now() - startMs) / 1000),
  };
}

const MIB = 1 << 20;
export const tell = (s: Sample): string =>
  `${String(s.atS).padStart(5)} s  ${String(s.packets).padStart(9)} packets  ${String(s.connections).padStart(6)} connections  ` +
  `heap ${(s.heapUsed / MIB).toFixed(2)} MiB  buffers ${(s.arrayBuffers / MIB).toFixed(1)} MiB  RSS ${(s.rss / MIB).toFixed(0)} MiB  ` +
  `slots in use ${s.slots - s.freeSlots}  fragments ${s.fragments}  unresolved ${s.unresolved}`;

/** The first minutes, in which code is compiled and tables are first touched: a third of a short run, five minutes of a long one. */
const warmUpS = (minutes: number): number => Math.min(minutes * 20, 300);
/** What may come and go between two looks at a heap of a few MiB. */
const HEAP_SLACK = 0.5 * MIB;
/** The resident size is that of the whole process: its other thread collects when it wants to. */
const RSS_SLACK = 24 * MIB;

/** What a soak must not show, in words. */
export function faults(r: SoakReport, o: SoakOptions): string[] {
  const found: string[] = [];
  const steady = r.samples.filter(s => s.atS >= warmUpS(o.minutes));
  const half = steady.length >> 1;
  const grown = (what: 'heapUsed' | 'arrayBuffers' | 'rss', slack: number): void => {
    const [before, after] = [steady.slice(0, half), steady.slice(half)].map(part => median(part.map(s => s[what])));
    if (after! > before! + slack) found.push(`${what} grew from ${(before! / MIB).toFixed(2)} to ${(after! / MIB).toFixed(2)} MiB`);
  };
  grown('heapUsed', HEAP_SLACK);
  grown('arrayBuffers', HEAP_SLACK);
  grown('rss', RSS_SLACK);
  const { end } = r;
  if (end.connections > 0) found.push(`${end.connections} connections are left when every time has run out`);
  if (end.freeSlots < end.slots) found.push(`${end.slots - end.freeSlots} slots of the arena were not given back`);
  if (end.fragments > 0) found.push(`${end.fragments} bytes of fragments are left`);
  if (end.unresolved > 0) found.push(`${end.unresolved} packets still wait for a neighbour`);
  for (const each of new Set(r.client.tcp.failed)) found.push(`a TCP connection: ${each}`);
  if (r.client.tcp.whole === 0 || r.client.udp.echoed === 0 || end.packets < o.minutes * 60 * 300)
    found.push('there was hardly any traffic');
  return found;
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

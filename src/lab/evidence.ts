/** The folder of a run, `DIR/kernel` or `DIR/userspace`: what it holds besides the captures, and how it is read again to be compared. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CapturedFrame, readHops } from '../capture/captured-frame.ts';
import type { NatEntry } from '../capture/flow-table.ts';
import type { Place } from '../web/report-data.ts';
import { placesOf } from './page/places.ts';
import { CALI_MAC } from './topology/calico.ts';
import type { Topology } from './topology/model.ts';

/** One probe or conversation: what a hop saw between two moments belongs to it. */
export interface Phase {
  /**
   * `arp`: a question by hand; when neighbours ask depends on time, so it is checked and not compared. `burst`: many connections whose
   * backends chance chooses: the same. `apart`: a program about which chance or time decides.
   */
  kind: 'probe' | 'conversation' | 'arp' | 'burst' | 'apart';
  /** In words. */
  what: string;
  /** Hop where its packets come onto the wires. */
  injectedAt: string;
  /** Since 1970. */
  fromNs: bigint;
  /** Exclusive. */
  untilNs: bigint;
}

export const FOREVER = 1n << 62n;
export const inPhase = (phase: Phase, frame: CapturedFrame): boolean => frame.timeNs >= phase.fromNs && frame.timeNs < phase.untilNs;

export interface RunEvidence {
  phases: Phase[];
  /** Names of the hops along the way. */
  order: string[];
  /** Pinned MACs, by the interface that has them: `node1/eth0`. */
  macs: Map<string, string>;
  frames: Map<string, CapturedFrame[]>;
}

/** What the captures alone do not say. */
interface Facts {
  phases: { kind: Phase['kind']; what: string; injectedAt: string; fromNs: string; untilNs: string }[];
  order: string[];
  macs: Record<string, string>;
  /** For the page. */
  places: Place[];
}

const FILE = 'run.json';

export function writeRunFacts(folder: string, topology: Topology, phases: readonly Phase[]): void {
  const facts: Facts = {
    phases: phases.map(p => ({ ...p, fromNs: String(p.fromNs), untilNs: String(p.untilNs) })),
    order: topology.hops.map(hop => hop.name),
    macs: pinnedMacs(topology),
    places: placesOf(topology),
  };
  writeFileSync(join(folder, FILE), `${JSON.stringify(facts, null, 2)}\n`);
}

/** @throws what reading the files throws */
export function readRun(folder: string): RunEvidence {
  const facts: Facts = JSON.parse(readFileSync(join(folder, FILE), 'utf8'));
  return {
    phases: facts.phases.map(p => ({ ...p, fromNs: BigInt(p.fromNs), untilNs: BigInt(p.untilNs) })),
    order: facts.order,
    macs: new Map(Object.entries(facts.macs)),
    frames: readHops(join(folder, 'hops')),
  };
}

/** MAC to interface. The bridge's own and the tap's stand only under a userspace node and never in a frame. */
export function pinnedMacs(topology: Topology): Record<string, string> {
  const macs: Record<string, string> = {};
  for (const end of topology.wires.flatMap(wire => wire.ends)) if (end.bridge === undefined) macs[end.mac] = `${end.namespace}/${end.name}`;
  for (const ns of topology.namespaces) {
    if (ns.role === 'upstream') for (const bridge of ns.bridges) macs[bridge.mac] = `${ns.name}/${bridge.name}`;
    if (ns.node === undefined) continue;
    if (ns.node.bridge) macs[ns.node.gatewayMac] = `${ns.name}/cni0`;
    if (ns.node.tunnel) macs[ns.node.vtepMac] = `${ns.name}/flannel.1`;
    // All of these interfaces have it, so that none can be named.
    if (ns.node.calico !== undefined) macs[CALI_MAC] = 'cali';
  }
  return macs;
}

const ENTRY = /^\s*\w+\s+(\d+) .*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+).*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)/;

/** What conntrack(8) said at the end of the run: tells which tuples are one flow. */
export function natEntries(folder: string): NatEntry[] {
  const lines = readFileSync(join(folder, 'conntrack.txt'), 'utf8').split('\n');
  return lines.flatMap(line => {
    const m = ENTRY.exec(line);
    if (m === null) return [];
    const tuple = (at: number) => ({
      protocol: Number(m[1]),
      src: m[at]!,
      dst: m[at + 1]!,
      srcPort: Number(m[at + 2]),
      dstPort: Number(m[at + 3]),
    });
    return [{ original: tuple(2), reply: tuple(6) }];
  });
}

/** `conntrack.txt` and `rules.txt`: each node's part, which stands under `# node1`. */
export function sectionsOf(text: string, nodes: readonly string[]): Map<string, string> {
  const sections = new Map<string, string>();
  let node: string | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('# ') && nodes.includes(line.slice(2))) node = line.slice(2);
    else if (node !== undefined) sections.set(node, `${sections.get(node) ?? ''}${line}\n`);
  }
  return sections;
}

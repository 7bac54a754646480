/** What the two sides of a node say to each other: the daemon's thread, and the node's own. Programs and rings are shared memory. */
import type { ErrorCode } from '../base/errors.ts';
import type { Patch, Program } from '../netfilter/execute/program.ts';
import type { RouterDescription } from './description.ts';
import type { Network } from './network.ts';
import type { MirroredRoute } from './route-mirror.ts';

export interface NodeStart {
  /** Path of the namespace, or null for the one the process is in. */
  netns: string | null;
  description: RouterDescription;
  program: Program | null;
  /** Do the rules need connection tracking? */
  tracks: boolean;
  seed: number;
  wakeFd: number;
}

export interface NodeTrace {
  id: number;
  ring: SharedArrayBuffer;
  hops: readonly number[] | null;
}

export type NodeRequest =
  | { kind: 'stop' }
  | { kind: 'program'; program: Program; tracks: boolean }
  | { kind: 'patch'; patch: Patch; tracks: boolean }
  /** Rings that the node tells what it does; each with the hop ids that it is for, null for everything. */
  | { kind: 'trace'; rings: readonly NodeTrace[] }
  | { kind: 'conntrack'; id: number; args: readonly string[] }
  /** `conntrack -E`; events bear the request's id as `follower`. */
  | { kind: 'follow'; id: number; args: readonly string[] }
  | { kind: 'unfollow'; follower: number }
  | { kind: 'counters'; id: number }
  /** Interfaces, neighbours and forwarding databases as they are now. */
  | { kind: 'links'; id: number }
  /** Where packets go next, from now on. */
  | { kind: 'network'; id: number; network: Network }
  | { kind: 'sysctl'; id: number; name: string; value: number | null }
  /** Hairpin mode of the ports of its bridge, by the MACs behind them. */
  | { kind: 'hairpin'; id: number; macs: readonly string[] }
  /** The node's clock jumps; the answer comes when what is due has expired. */
  | { kind: 'advance'; id: number; ms: number };

export interface PortCounters {
  name: string;
  rxPackets: number;
  rxBytes: number;
  txPackets: number;
  txBytes: number;
  rxDropped: number;
  txDropped: number;
  failure: string | null;
}

export interface NodeCounters {
  ports: PortCounters[];
  /** By the kernel's drop reason. */
  drops: Record<string, number>;
  connections: number;
  memory: NodeMemory;
}

/** What a node holds. All but `slots` go up and down with traffic, and none grows with time. */
export interface NodeMemory {
  /** Bytes of the whole process, of this thread's heap, and of buffers outside it. */
  rss: number;
  heapUsed: number;
  arrayBuffers: number;
  /** Slots of the arena for what the node makes and keeps, and how many are free. */
  slots: number;
  freeSlots: number;
  /** Bytes of fragments that wait for the rest of their datagram. */
  fragments: number;
  /** Packets that wait for a neighbour's answer. */
  unresolved: number;
}

export type NodeMessage =
  | { kind: 'ready'; interfaces: string[] }
  | { kind: 'failed'; code: ErrorCode; message: string }
  | { kind: 'stopped' }
  | { kind: 'warning'; message: string }
  /** All routes that are mirrored from now on. */
  | { kind: 'mirrored'; routes: readonly MirroredRoute[] }
  | { kind: 'events'; follower: number; lines: readonly string[] }
  /** A piece of what a command writes; the answer comes behind the last. */
  | { kind: 'text'; id: number; text: string }
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'refused'; id: number; code: ErrorCode; message: string };

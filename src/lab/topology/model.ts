/** A lab's network as data: namespaces, wires between them, and what each holds. `cluster.ts` makes it, `commands.ts` turns it into commands. */

import type { Faults } from '../../device/fault/faults.ts';

/** What carries a node's packets. */
export const planes = ['userspace', 'kernel'] as const;
export type Plane = (typeof planes)[number];

/** How the pods of one node reach those of another. */
export const podNetworks = ['flannel-vxlan', 'flannel-host-gw', 'calico-ipip', 'calico-bgp'] as const;
export type PodNetwork = (typeof podNetworks)[number];

/** When a packet to a pod of another node goes into an envelope of its own: an IP pool's `ipipMode`. */
export const ipipModes = ['always', 'cross-subnet'] as const;
export type IpipMode = (typeof ipipModes)[number];

export interface Topology {
  readonly namespaces: readonly Namespace[];
  readonly wires: readonly Wire[];
  /** Where packets are looked at, in the order of the way in. */
  readonly hops: readonly Hop[];
  /** Links on which things go wrong: both ends stand in the namespace `links`. */
  readonly relays: readonly Relay[];
}

export interface Relay {
  /** As the lab names it: one of its ends. */
  readonly link: string;
  readonly ends: readonly [string, string];
  readonly faults: Faults;
}

export interface Namespace {
  /** Unique; also the name in `ip netns`. */
  readonly name: string;
  /** `tor`: a top-of-rack router. */
  readonly role: 'client' | 'upstream' | 'switch' | 'links' | 'tor' | 'node' | 'pod';
  readonly sysctls: Readonly<Record<string, number>>;
  readonly bridges: readonly Bridge[];
  readonly routes: readonly Route[];
  readonly node?: Node;
  readonly pod?: Pod;
  /** What its BGP daemon is told, where it has one. */
  readonly speaker?: Speaker;
}

export interface Bridge {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
}

/** A veth pair. */
export interface Wire {
  readonly mtu: number;
  readonly ends: readonly [WireEnd, WireEnd];
}

export interface WireEnd {
  readonly namespace: string;
  readonly name: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  /** The bridge of this namespace whose port it is. */
  readonly bridge?: string;
  /** Bridge port flags that are not the default. */
  readonly isolated?: boolean;
  readonly hairpin?: boolean;
}

export interface Route {
  readonly to: string;
  readonly via?: string;
  readonly dev?: string;
}

export interface Node {
  readonly number: number;
  readonly plane: Plane;
  /** Of eth0, with prefix. */
  readonly address: string;
  readonly mac: string;
  readonly gateway?: string;
  /** Of cni0 as the pods see it: the bridge's on a kernel node, the router's behind its tap on a userspace node. */
  readonly gatewayMac: string;
  /** Of flannel.1. */
  readonly vtepMac: string;
  readonly pods: readonly { readonly name: string; readonly address: string; readonly mac: string; readonly hairpin: boolean }[];
  /** Has it cni0? */
  readonly bridge: boolean;
  readonly bridgeNf: boolean;
  /** Has it flannel.1? */
  readonly tunnel: boolean;
  /** Of cni0 and of pods. */
  readonly podMtu: number;
  /** The other nodes, for flannel. */
  readonly peers: readonly Peer[];
  /** Its pods are reached by a route each, and not by a bridge. */
  readonly calico?: CalicoNode;
}

export interface CalicoNode {
  /** Addresses of its pods: one block of the pool. */
  readonly block: string;
  /** Addresses of all nodes, its own among them. */
  readonly hosts: readonly string[];
  /** Where the pool has an `ipipMode`. */
  readonly ipip?: { readonly mode: IpipMode; readonly address: string };
}

/** A BGP daemon: who it speaks with, what it tells them, how it reaches what it hears of. All of them are in one AS. */
export interface Speaker {
  /** Router id, and source of its sessions. */
  readonly address: string;
  readonly neighbours: readonly Neighbour[];
  /** Told to all. A top-of-rack router has none, and reflects what it hears. */
  readonly block?: string;
  /** Of a top-of-rack router: the networks that it joins, with its own address. */
  readonly networks: readonly string[];
  /** How a next hop is reached. */
  readonly ways: readonly Way[];
  /** What has to stand in the table of its namespace when all have spoken with all. */
  readonly expected: readonly string[];
}

export interface Neighbour {
  /** The daemon's name for the session. */
  readonly session: string;
  readonly address: string;
  /** Own address on the way there. */
  readonly source: string;
  /** Of the neighbour's pods. */
  readonly block?: string;
}

export interface Way {
  /** A next hop, or a network of next hops. */
  readonly to: string;
  /** Absent: the next hop is on this network itself. */
  readonly via?: string;
  readonly dev: string;
}

/** Another node, as flannel on this one knows it. */
export interface Peer {
  readonly number: number;
  readonly address: string;
  /** Through flannel.1; else by a route to its address, or not at all when it is on another network. */
  readonly way: 'tunnel' | 'route' | 'none';
}

export interface Pod {
  readonly node: string;
  readonly address: string;
  /** What runs in it; absent: nothing, the learner's shell. */
  readonly image?: 'kubehop/echo';
  readonly port: number;
}

/** A named point where packets are seen. `logical`: no device carries it in this run, the node itself reports it. */
export interface Hop {
  readonly name: string;
  readonly namespace: string;
  readonly interface: string;
  readonly logical: boolean;
}

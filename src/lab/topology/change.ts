/** From one topology to another while it stands: nodes and pods that join, and those that leave. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Command, Step } from './command.ts';
import { buildSteps } from './commands.ts';
import { noWayTo, waysTo } from './flannel.ts';
import type { Namespace, Node, Peer, Topology, Wire } from './model.ts';

export interface Change {
  readonly joined: readonly Namespace[];
  readonly left: readonly Namespace[];
  /** Nodes that were there and stay, but know other nodes now. */
  readonly otherPeers: readonly Namespace[];
  /** The same where felix's rules ask who is a node. */
  readonly otherHosts: readonly Namespace[];
}

export function changeOf(before: Topology, after: Topology): Change {
  const known = new Map(before.namespaces.map(ns => [ns.name, ns]));
  const stays = new Set(after.namespaces.map(ns => ns.name));
  const staying = after.namespaces.filter(ns => known.has(ns.name) && ns.node !== undefined);
  const other = (part: (node: Node) => unknown) =>
    staying.filter(ns => !isDeepStrictEqual(part(known.get(ns.name)!.node!), part(ns.node!)));
  return {
    joined: after.namespaces.filter(ns => !known.has(ns.name)),
    left: before.namespaces.filter(ns => !stays.has(ns.name)),
    otherPeers: other(node => node.peers),
    otherHosts: other(node => node.calico?.hosts),
  };
}

/** What is built for those who join, before their nodes and pods start. */
export function joinSteps(before: Topology, after: Topology): Step[] {
  const { joined } = changeOf(before, after);
  if (joined.length === 0) return [];
  const fresh = new Set(joined.map(ns => ns.name));
  const wires = after.wires.filter(wire => wire.ends.some(end => fresh.has(end.namespace)));
  const standing = wires.flatMap(wire => wire.ends.map(end => end.namespace)).filter(name => !fresh.has(name));
  return buildSteps({ namespaces: joined, wires, standing: [...new Set(standing)] });
}

/** The ways of kernel nodes to those who joined and those who left; a userspace node is told by its router's description. */
export function waySteps(before: Topology, after: Topology): Step[] {
  const kernel = changeOf(before, after).otherPeers.filter(ns => ns.node!.plane === 'kernel');
  const parallel = kernel.map(ns =>
    changeWays(ns.name, before.namespaces.find(each => each.name === ns.name)!.node!.peers, ns.node!.peers),
  );
  return parallel.length === 0 ? [] : [{ name: 'ways between nodes', parallel }];
}

/** On a kernel node, from these other nodes to those. */
export function changeWays(namespace: string, old: readonly Peer[], now: readonly Peer[]): Command[] {
  const without = (peers: readonly Peer[], others: readonly Peer[]) => peers.filter(p => !others.some(o => isDeepStrictEqual(o, p)));
  return [...noWayTo(namespace, without(old, now)), ...waysTo(namespace, without(now, old))];
}

/** What goes with those who left, when nothing runs in them any more. A wire goes at once, not when the kernel gets to the namespace. */
export function leaveSteps(before: Topology, after: Topology): Step[] {
  const { left } = changeOf(before, after);
  if (left.length === 0) return [];
  const gone = new Set(left.map(ns => ns.name));
  const cut = before.wires.filter(wire => wire.ends.some(end => gone.has(end.namespace)));
  const ends = cut.map(wire => standingEnd(wire, gone)).filter(end => end !== undefined);
  const links = [...new Set(ends.map(end => end.namespace))].map(namespace => ({
    tool: 'ip' as const,
    namespace,
    lines: ends.filter(end => end.namespace === namespace).map(end => `link del ${end.name}`),
  }));
  return [{ name: 'namespaces that leave', parallel: [[...links, { tool: 'ip', lines: left.map(ns => `netns del ${ns.name}`) }]] }];
}

const standingEnd = (wire: Wire, gone: ReadonlySet<string>): Wire['ends'][number] | undefined =>
  wire.ends.find(end => !gone.has(end.namespace));

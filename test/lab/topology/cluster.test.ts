import { describe, expect, test } from 'vitest';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';
import type { ClusterDeclaration } from '../../../src/lab/topology/declaration.ts';

const lab: ClusterDeclaration = {
  nodes: ['node1', 'node2'],
  pods: { 'pod-a': { node: 'node1' }, 'pod-b': { node: 'node2' }, 'pod-c': { node: 'node1' } },
  outside: { client: '203.0.113.9/24' },
};
const kernel = clusterTopology(lab, () => 'kernel');
const userspace = clusterTopology(lab, () => 'userspace');

const ends = (topology: typeof kernel) => topology.wires.flatMap(wire => wire.ends);
const namespace = (topology: typeof kernel, name: string) => topology.namespaces.find(ns => ns.name === name)!;

describe('the topology of a cluster', () => {
  test('gives pods the addresses of their node, in the order of declaration', () => {
    expect(namespace(kernel, 'pod-a').pod?.address).toBe('10.244.1.2');
    expect(namespace(kernel, 'pod-c').pod?.address).toBe('10.244.1.3');
    expect(namespace(kernel, 'pod-b').pod?.address).toBe('10.244.2.2');
  });

  test('has the same namespaces, wires and hops on both data planes', () => {
    expect(userspace.namespaces.map(ns => ns.name)).toEqual(kernel.namespaces.map(ns => ns.name));
    expect(ends(userspace).map(end => [end.namespace, end.name, end.mac])).toEqual(
      ends(kernel).map(end => [end.namespace, end.name, end.mac]),
    );
    expect(userspace.hops.map(hop => hop.name)).toEqual(kernel.hops.map(hop => hop.name));
  });

  test('pins a MAC once: no two interfaces have the same', () => {
    const macs = [...ends(userspace).map(end => end.mac), ...userspace.namespaces.flatMap(ns => ns.bridges.map(b => b.mac))];
    expect(new Set(macs).size).toBe(macs.length);
  });

  test('gives the addresses of a userspace node to its router, not to its interfaces', () => {
    const of = (topology: typeof kernel) => [
      ...ends(topology)
        .filter(end => end.namespace === 'node1')
        .flatMap(end => end.addresses),
      ...namespace(topology, 'node1').bridges.flatMap(b => b.addresses),
    ];
    expect(of(kernel)).toEqual(['192.168.56.11/24', '10.244.1.1/24']);
    expect(of(userspace)).toEqual([]);
  });

  test('takes forwarding and bridge-nf away from the kernel under a userspace node', () => {
    const forwarding = (topology: typeof kernel) => {
      const { sysctls } = namespace(topology, 'node1');
      return [sysctls['net.ipv4.ip_forward'], sysctls['net.bridge.bridge-nf-call-iptables']];
    };
    expect(forwarding(kernel)).toEqual([1, 1]);
    expect(forwarding(userspace)).toEqual([0, 0]);
  });

  test('isolates the ports of pods where the router stands in for bridge-nf, and only there', () => {
    const isolated = (topology: typeof kernel) =>
      ends(topology)
        .filter(end => end.isolated)
        .map(end => end.name);
    expect(isolated(userspace)).toEqual(['veth-pod-a', 'veth-pod-c', 'veth-pod-b']);
    expect(isolated(kernel)).toEqual([]);
    expect(isolated(clusterTopology({ ...lab, bridgeNf: false }, () => 'userspace'))).toEqual([]);
    expect(isolated(clusterTopology({ ...lab, bridgeNf: { node1: false } }, () => 'userspace'))).toEqual(['veth-pod-b']);
  });

  test('calls cni0 and flannel.1 of a userspace node logical: no device carries them', () => {
    const logical = (topology: typeof kernel) => topology.hops.filter(hop => hop.logical).map(hop => hop.name);
    expect(logical(userspace)).toEqual(['node1/flannel.1', 'node1/cni0', 'node2/flannel.1', 'node2/cni0']);
    expect(logical(kernel)).toEqual([]);
  });

  test('switches IPv6 off everywhere', () => {
    for (const ns of userspace.namespaces) expect(ns.sysctls['net.ipv6.conf.all.disable_ipv6']).toBe(1);
  });

  test('routes to the nodes beside it with host-gw, leaves out those on another network, and has no tunnel', () => {
    const topology = clusterTopology({ nodes: ['node1', 'node2', 'node3'], far: ['node3'], podNetwork: 'flannel-host-gw' }, () => 'kernel');
    expect(namespace(topology, 'node1').node).toMatchObject({
      tunnel: false,
      podMtu: 1500,
      peers: [
        { number: 2, address: '192.168.56.12', way: 'route' },
        { number: 3, address: '192.168.57.13', way: 'none' },
      ],
    });
  });

  test('tunnels with DirectRouting only to nodes on another network', () => {
    const topology = clusterTopology({ nodes: ['node1', 'node2', 'node3'], far: ['node3'], directRouting: true }, () => 'kernel');
    expect(namespace(topology, 'node1').node).toMatchObject({ tunnel: true, podMtu: 1450 });
    expect(namespace(topology, 'node1').node!.peers.map(peer => peer.way)).toEqual(['route', 'tunnel']);
    expect(namespace(topology, 'node3').node!.peers.map(peer => peer.way)).toEqual(['tunnel', 'tunnel']);
    expect(namespace(topology, 'node3').routes).toEqual([{ to: 'default', via: '192.168.57.1' }]);
    expect(topology.hops.map(hop => hop.name)).toContain('lan1');
  });

  test.each([
    ['a node by another name', { nodes: ['master'] }, 'node "master": a node is called node1 to node9'],
    ['a pod on no node', { nodes: ['node1'], pods: { web: { node: 'node2' } } }, 'pod "web": there is no node "node2"'],
    ['a name twice', { nodes: ['node1'], outside: { node1: '203.0.113.9/24' } }, 'the name "node1" is taken'],
    ['a name of the lab itself', { nodes: ['node1'], outside: { lan0: '203.0.113.9/24' } }, 'the name "lan0" is taken'],
    ['a pod whose wire would have no name', { nodes: ['node1'], pods: { 'eleven-char': { node: 'node1' } } }, /at most 10 characters/],
    ['capitals', { nodes: ['node1'], pods: { Web: { node: 'node1' } } }, '"Web": at most 15 lower-case letters, digits and dashes'],
    ['a far node that is none', { nodes: ['node1'], far: ['node2'] }, 'far: there is no node "node2"'],
    [
      'direct routing without a tunnel',
      { nodes: ['node1'], podNetwork: 'flannel-host-gw' as const, directRouting: true },
      /has no tunnel at all/,
    ],
    ['a wire with three ends', { nodes: ['node1', 'node2'], network: 'wire' as const }, /joins exactly one node and one host/],
  ])('refuses %s', (_, declaration, message) => {
    expect(() => clusterTopology(declaration, () => 'kernel')).toThrow(message);
  });
});

import { describe, expect, test } from 'vitest';
import { changeOf } from '../../../src/lab/topology/change.ts';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';
import { commandLines } from '../../../src/lab/topology/command.ts';
import { buildSteps } from '../../../src/lab/topology/commands.ts';
import type { ClusterDeclaration } from '../../../src/lab/topology/declaration.ts';
import type { Plane, Topology } from '../../../src/lab/topology/model.ts';
import { routerDescription } from '../../../src/lab/topology/router-description.ts';

const lab: ClusterDeclaration = {
  nodes: ['node1', 'node2', 'node3'],
  far: ['node3'],
  pods: { 'pod-a': { node: 'node1' }, 'pod-b': { node: 'node2' } },
  podNetwork: 'calico-bgp',
};
const on = (plane: Plane, more: Partial<ClusterDeclaration> = {}): Topology => clusterTopology({ ...lab, ...more }, () => plane);
const namespace = (topology: Topology, name: string) => topology.namespaces.find(ns => ns.name === name)!;
const script = (topology: Topology): string[] => buildSteps(topology).flatMap(step => step.parallel.flat().flatMap(commandLines));
const POD_A = 'cali5e1c4d6c68c';

describe('a network of Calico’s kind', () => {
  test('gives each pod a wire that ends on the node, without a bridge and without an address', () => {
    const kernel = on('kernel');
    expect(namespace(kernel, 'node1').bridges).toEqual([]);
    expect(kernel.wires.find(wire => wire.ends[0].namespace === 'pod-a')).toEqual({
      mtu: 1500,
      ends: [
        { namespace: 'pod-a', name: 'eth0', mac: '0a:58:0a:f4:01:02', addresses: ['10.244.1.2/32'] },
        { namespace: 'node1', name: POD_A, mac: 'ee:ee:ee:ee:ee:ee', addresses: [] },
      ],
    });
  });

  test('routes every pod by itself, and all that a pod sends by an address that nobody has', () => {
    const lines = script(on('kernel'));
    expect(lines).toEqual(
      expect.arrayContaining([
        `ip -n node1 route add 10.244.1.2/32 dev ${POD_A}`,
        'ip -n pod-a route add 169.254.1.1 dev eth0',
        'ip -n pod-a route add default via 169.254.1.1 dev eth0',
        `ip netns exec node1 sysctl -q -w net.ipv4.conf.${POD_A}.route_localnet=1 net.ipv4.neigh.${POD_A}.proxy_delay=0 net.ipv4.conf.${POD_A}.proxy_arp=1 net.ipv4.conf.${POD_A}.forwarding=1`,
      ]),
    );
    expect(lines.join('\n')).not.toMatch(/cni0|flannel|tunl0|tap0/);
  });

  test('with IPIP has room for one header less, and tunl0 with the first address of the block', () => {
    const ipip = on('kernel', { podNetwork: 'calico-ipip' });
    expect(namespace(ipip, 'node2').node).toMatchObject({ podMtu: 1480, calico: { ipip: { mode: 'always', address: '10.244.2.0' } } });
    expect(script(ipip)).toEqual(
      expect.arrayContaining(['ip -n node2 link set tunl0 mtu 1480 up', 'ip -n node2 address add 10.244.2.0/32 dev tunl0']),
    );
    const hops = (topology: Topology) => topology.hops.filter(hop => hop.interface === 'tunl0').map(hop => [hop.name, hop.logical]);
    expect(hops(ipip)).toEqual(['node1/tunl0', 'node2/tunl0', 'node3/tunl0'].map(name => [name, false]));
    expect(hops(on('userspace', { podNetwork: 'calico-ipip' }))[0]).toEqual(['node1/tunl0', true]);
  });

  test('tells a router the same: a packet socket on each wire, proxy ARP, and that it follows the daemon', () => {
    const description = routerDescription(namespace(on('userspace'), 'node1').node!);
    expect(description.ports.map(port => port.name)).toEqual(['eth0', POD_A, 'tun0']);
    expect(description.ports[1]).toEqual({
      name: POD_A,
      kind: 'packet',
      mac: 'ee:ee:ee:ee:ee:ee',
      mtu: 1500,
      offload: false,
      addresses: [],
    });
    expect(description.sysctl).toMatchObject({ [`net.ipv4.conf.${POD_A}.proxy_arp`]: 1 });
    expect(description.routes.slice(1)).toEqual([{ to: '10.244.1.2/32', dev: POD_A, type: 'unicast', metric: 0 }]);
    expect(description.mirror).toEqual({ table: 'main', mode: 'always', pool: '10.244.0.0/16' });
    expect(description.ipip).toEqual([]);
    const ipip = routerDescription(namespace(on('userspace', { podNetwork: 'calico-ipip', ipip: 'cross-subnet' }), 'node1').node!);
    expect(ipip.ipip).toEqual([{ name: 'tunl0', local: '192.168.56.11', mtu: 1480, addresses: ['10.244.1.0/32'] }]);
    expect(ipip.mirror).toMatchObject({ tunnel: 'tunl0', mode: 'cross-subnet' });
  });

  test('puts a router on top of the rack on every network that there is', () => {
    const topology = on('kernel', { topOfRack: 2 });
    expect(topology.namespaces.filter(ns => ns.role === 'tor').map(ns => ns.name)).toEqual(['tor', 'tor2']);
    const ends = topology.wires.flatMap(wire => wire.ends).filter(end => end.namespace === 'tor2');
    expect(ends.map(end => [end.name, end.addresses[0]])).toEqual([
      ['eth0', '192.168.56.3/24'],
      ['eth1', '192.168.57.3/24'],
    ]);
    expect(topology.hops.map(hop => hop.name)).toEqual(expect.arrayContaining(['tor/eth0', 'tor/eth1', 'tor2/eth0', 'tor2/eth1']));
    expect(on('kernel', { topOfRack: 1, far: [] }).hops.map(hop => hop.name)).not.toContain('tor/eth1');
  });

  test('a node that joins is one more host for the rules of the others, and no way that flannel would write', () => {
    const after = clusterTopology({ ...lab, nodes: [...lab.nodes, 'node4'] }, () => 'kernel');
    const { otherHosts, otherPeers } = changeOf(on('kernel'), after);
    expect(otherHosts.map(ns => ns.name)).toEqual(['node1', 'node2', 'node3']);
    expect(otherHosts[0]!.node!.calico!.hosts).toContain('192.168.56.14');
    expect(otherPeers).toEqual([]);
  });

  test.each<[string, Partial<ClusterDeclaration>, string]>([
    ['an ipipMode without IPIP', { ipip: 'always' }, 'ipip is for calico-ipip: calico-bgp has no tunl0'],
    ['a router that nobody would speak with', { podNetwork: 'calico-ipip', topOfRack: 1 }, 'topOfRack is for calico-bgp'],
    ['a router on top of flannel', { podNetwork: 'flannel-host-gw', topOfRack: 1 }, 'topOfRack is for calico-bgp'],
    ['an API', { api: true, pods: {} }, 'a lab with an API has pods on a bridge'],
    ['direct routing', { directRouting: true }, "say ipip: 'cross-subnet'"],
    ['hairpin', { pods: { web: { node: 'node1', hairpin: true } } }, 'calico-bgp has no bridge, and no hairpin mode'],
    [
      'an address out of the block',
      { pods: { web: { node: 'node1', address: '10.244.1.64' } } },
      '10.244.1.64 is not in 10.244.1.0/26, the block of node1',
    ],
    ['a client that is called tor', { outside: { tor: '203.0.113.9/24' } }, 'the name "tor" is taken'],
  ])('refuses %s', (_, more, message) => {
    expect(() => on('kernel', more)).toThrow(message);
  });
});

import { describe, expect, test } from 'vitest';
import { birdConfig } from '../../../src/lab/topology/bird-config.ts';
import { commandLines } from '../../../src/lab/topology/command.ts';
import type { ClusterDeclaration } from '../../../src/lab/topology/declaration.ts';
import type { Plane } from '../../../src/lab/topology/model.ts';
import { nodeSpeaker, torSpeaker } from '../../../src/lab/topology/speakers.ts';
import { staticWays, withoutWays } from '../../../src/lab/topology/static-ways.ts';

const lab: ClusterDeclaration = { nodes: ['node1', 'node2', 'node3'], far: ['node3'], podNetwork: 'calico-bgp' };
const mesh = (more: Partial<ClusterDeclaration> = {}, plane: Plane = 'kernel') => nodeSpeaker({ ...lab, ...more }, 'node1', plane)!;
const racks = { topOfRack: 2 } as const;
const ipip = { podNetwork: 'calico-ipip' } as const;
const byHand = (more: Partial<ClusterDeclaration> = {}, plane: Plane = 'kernel') =>
  staticWays('node1', mesh(more, plane)).flatMap(commandLines);

describe('who speaks BGP', () => {
  test('every node with every other, of its block', () => {
    const { neighbours, block, expected } = mesh();
    expect(neighbours.map(({ session, address, block }) => [session, address, block])).toEqual([
      ['Mesh_192_168_56_12', '192.168.56.12', '10.244.2.0/26'],
      ['Mesh_192_168_57_13', '192.168.57.13', '10.244.3.0/26'],
    ]);
    expect(block).toBe('10.244.1.0/26');
    expect(expected).toEqual(['10.244.1.0/26', '10.244.2.0/26', '10.244.3.0/26']);
  });

  test('with routers on top of the rack, each node with those on its own network', () => {
    expect(mesh(racks).neighbours.map(each => each.address)).toEqual(['192.168.56.2', '192.168.56.3']);
    expect(nodeSpeaker({ ...lab, ...racks }, 'node3', 'kernel')!.neighbours.map(each => each.address)).toEqual([
      '192.168.57.2',
      '192.168.57.3',
    ]);
    expect(mesh(racks).expected).toContain('192.168.57.0/24');
    expect(torSpeaker({ ...lab, ...racks }, 1).neighbours.map(({ session, source }) => [session, source])).toEqual([
      ['node1', '192.168.56.3'],
      ['node2', '192.168.56.3'],
      ['node3', '192.168.57.3'],
    ]);
  });

  test('nobody, where flannel does it', () => {
    expect(nodeSpeaker({ nodes: ['node1', 'node2'] }, 'node1', 'kernel')).toBeUndefined();
  });

  test.each([
    ['a node of a mesh', 'node', mesh()],
    ['a node with IPIP to other networks', 'node-ipip', mesh({ ...ipip, ipip: 'cross-subnet' })],
    ['a node under routers', 'node-racks', mesh(racks)],
    ['a router on top of the rack', 'tor', torSpeaker({ ...lab, ...racks }, 0)],
  ])('%s is told so', async (_, name, speaker) => {
    await expect(birdConfig(speaker)).toMatchFileSnapshot(`../../fixtures/lab/bird-${name}.conf`);
  });
});

describe('the same routes by hand', () => {
  test('near nodes by their address, others by the way out, which knows no pods', () => {
    expect(byHand()).toEqual([
      'ip -n node1 route replace blackhole 10.244.1.0/26 proto 12',
      'ip -n node1 route replace 10.244.2.0/26 via 192.168.56.12 dev eth0 proto 12',
      'ip -n node1 route replace 10.244.3.0/26 via 192.168.56.1 dev eth0 onlink proto 12',
    ]);
  });

  test('in an envelope to all, or to other networks', () => {
    expect(byHand(ipip).slice(1)).toEqual([
      'ip -n node1 route replace 10.244.2.0/26 via 192.168.56.12 dev tunl0 onlink proto 12',
      'ip -n node1 route replace 10.244.3.0/26 via 192.168.57.13 dev tunl0 onlink proto 12',
    ]);
    expect(byHand({ ...ipip, ipip: 'cross-subnet' }).slice(1)).toEqual([
      'ip -n node1 route replace 10.244.2.0/26 via 192.168.56.12 dev eth0 proto 12',
      'ip -n node1 route replace 10.244.3.0/26 via 192.168.57.13 dev tunl0 onlink proto 12',
    ]);
  });

  test('behind eth0 for a router: its kernel has no tunnel, and the router knows', () => {
    expect(byHand(ipip, 'userspace')[1]).toBe('ip -n node1 route replace 10.244.2.0/26 via 192.168.56.12 dev eth0 onlink proto 12');
  });

  test('who leaves takes his along', () => {
    const fewer = mesh({ nodes: ['node1', 'node3'] });
    expect(withoutWays('node1', mesh(), fewer).flatMap(commandLines)).toEqual(['ip -n node1 route del 10.244.2.0/26 proto 12']);
    expect(withoutWays('node1', fewer, mesh())).toEqual([]);
  });
});

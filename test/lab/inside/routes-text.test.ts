import { describe, expect, test } from 'vitest';
import { answerRoute } from '../../../src/lab/inside/routes-text.ts';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';
import { routerDescription } from '../../../src/lab/topology/router-description.ts';

const topology = clusterTopology({ nodes: ['node1', 'node2'], pods: { 'pod-a': { node: 'node1' } } }, () => 'userspace');
const description = routerDescription(topology.namespaces.find(ns => ns.name === 'node1')!.node!);
const route = (words: string) => answerRoute(description, words === '' ? [] : words.split(' '));

// What iproute2 6.1 printed on a kernel node of the same lab.
const ALL = `default via 192.168.56.1 dev eth0 
10.244.1.0/24 dev cni0 proto kernel scope link src 10.244.1.1 
10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink 
192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.11 
`;

describe('ip route of a router', () => {
  test('is the text that a kernel node gives', () => {
    expect(route('')).toEqual({ text: ALL });
    expect(route('show')).toEqual({ text: ALL });
  });

  test('selects by device and by network', () => {
    expect(route('show dev cni0')?.text).toBe('10.244.1.0/24 proto kernel scope link src 10.244.1.1 \n');
    expect(route('s 10.244.2.0/24')?.text).toBe('10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink \n');
    expect(route('show default')?.text).toBe('default via 192.168.56.1 dev eth0 \n');
    expect(route('show nosuch')).toEqual({ text: '', error: 'Error: any valid prefix is expected rather than "nosuch".\n' });
  });

  test('says where an address is, and with which source', () => {
    expect(route('get 10.244.2.5')?.text).toBe('10.244.2.5 via 10.244.2.0 dev flannel.1 src 10.244.1.0 uid 0 \n    cache \n');
    expect(route('get 10.244.1.7')?.text).toBe('10.244.1.7 dev cni0 src 10.244.1.1 uid 0 \n    cache \n');
    expect(route('get 203.0.113.9')?.text).toBe('203.0.113.9 via 192.168.56.1 dev eth0 src 192.168.56.11 uid 0 \n    cache \n');
    expect(route('get 10.244.1.1')?.text).toBe('local 10.244.1.1 dev lo src 10.244.1.1 uid 0 \n    cache <local> \n');
  });

  test('has those of a routing daemon among its own, as iproute2 writes them', () => {
    const ipip = clusterTopology(
      { nodes: ['node1', 'node2'], pods: { 'pod-a': { node: 'node1' } }, podNetwork: 'calico-ipip' },
      () => 'userspace',
    );
    const followed = { protocol: 12, metric: 0, source: '192.168.56.11', mtu: 1500 };
    const way = (via: string, dev: string) => ({ via, dev, weight: 1 });
    const node = {
      ...routerDescription(ipip.namespaces.find(ns => ns.name === 'node1')!.node!),
      mirrored: [
        { ...followed, to: '10.244.1.0/26', type: 'blackhole' as const, nexthops: [], source: undefined },
        { ...followed, to: '10.244.2.0/26', type: 'unicast' as const, nexthops: [way('192.168.56.12', 'tunl0')], source: '10.244.1.0' },
        {
          ...followed,
          to: '10.244.3.0/26',
          type: 'unicast' as const,
          nexthops: [way('192.168.56.2', 'eth0'), way('192.168.56.3', 'eth0')],
        },
        { ...followed, to: '192.168.57.0/24', type: 'unicast' as const, nexthops: [way('192.168.56.2', 'eth0')], protocol: 99, metric: 7 },
      ],
    };
    expect(answerRoute(node, [])?.text).toBe(`default via 192.168.56.1 dev eth0 
blackhole 10.244.1.0/26 proto bird 
10.244.1.2 dev cali5e1c4d6c68c scope link 
10.244.2.0/26 via 192.168.56.12 dev tunl0 proto bird onlink 
10.244.3.0/26 proto bird 
\tnexthop via 192.168.56.2 dev eth0 weight 1 
\tnexthop via 192.168.56.3 dev eth0 weight 1 
192.168.56.0/24 dev eth0 proto kernel scope link src 192.168.56.11 
192.168.57.0/24 via 192.168.56.2 dev eth0 proto 99 metric 7 
`);
    expect(answerRoute(node, ['get', '10.244.2.9'])?.text).toBe(
      '10.244.2.9 via 192.168.56.12 dev tunl0 src 10.244.1.0 uid 0 \n    cache \n',
    );
    expect(answerRoute(node, ['get', '10.244.1.9'])?.error).toBe('RTNETLINK answers: Invalid argument\n');
  });

  test('what it does not know it does not answer', () => {
    for (const words of ['add 10.0.0.0/8 dev eth0', 'show table 10 dev eth0', 'get 10.0.0.1 from 10.0.0.2'])
      expect(route(words)).toBe(undefined);
  });
});

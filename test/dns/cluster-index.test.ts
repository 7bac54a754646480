import { describe, expect, test } from 'vitest';
import { cluster, slice } from './support/cluster.ts';

describe('the index of a cluster', () => {
  test('forgets what is deleted, and what a new list does not hold', () => {
    const index = cluster();
    index.delete('Service', { metadata: { namespace: 'default', name: 'web' } });
    expect([index.service('default', 'web'), index.serviceAt('10.96.0.11')]).toEqual([undefined, undefined]);
    index.delete('EndpointSlice', { metadata: { namespace: 'default', name: 'db-six' } });
    expect(index.endpointsAt('fd00:10:244::5')).toEqual([]);
    expect(index.endpoints('default', 'db')).toHaveLength(1);
    index.replace('EndpointSlice', []);
    expect([index.endpoints('default', 'db'), index.endpointsAt('10.244.1.2')]).toEqual([[], []]);
    index.replace('Namespace', [{ metadata: { name: 'kube-system' } }]);
    expect([index.hasNamespace('default'), index.hasNamespace('kube-system')]).toEqual([false, true]);
  });

  test('follows a change of address, Service and readiness', () => {
    const index = cluster();
    index.set('Service', { metadata: { namespace: 'default', name: 'web' }, spec: { clusterIP: '10.96.0.99' } });
    expect([index.serviceAt('10.96.0.11'), index.serviceAt('10.96.0.99')?.name]).toEqual([undefined, 'web']);
    index.set('EndpointSlice', slice('web', [{ addresses: ['10.244.1.9'] }, { addresses: ['10.244.2.2'], conditions: { ready: false } }]));
    expect(index.endpoints('default', 'web').flatMap(set => set.addresses)).toEqual([{ address: '10.244.1.9', hostname: '' }]);
    expect(index.endpointsAt('10.244.2.2')).toEqual([]);
    const moved = {
      ...slice('web', [{ addresses: ['10.244.1.9'] }]),
      metadata: { namespace: 'default', name: 'web-a', labels: { 'kubernetes.io/service-name': 'other' } },
    };
    index.set('EndpointSlice', moved);
    expect([index.endpoints('default', 'web'), index.endpoints('default', 'other').length]).toEqual([[], 1]);
    index.set('Pod', { metadata: { namespace: 'default', name: 'pod-a' }, status: { podIP: '10.244.1.20' } });
    expect([index.hasPod('default', '10.244.1.2'), index.hasPod('default', '10.244.1.20')]).toEqual([false, true]);
  });

  test('writes addresses in one way, and leaves out what is none', () => {
    const index = cluster();
    index.set('Service', { metadata: { namespace: 'default', name: 'x' }, spec: { clusterIPs: ['FD00:0:0::0A', 'nonsense'] } });
    expect(index.serviceAt('fd00::a')?.clusterIps).toEqual(['fd00::a']);
    index.set('EndpointSlice', slice('x', [{ addresses: ['nonsense', '10.244.1.1'] }]));
    expect(index.endpoints('default', 'x')[0]!.addresses).toEqual([{ address: '10.244.1.1', hostname: '' }]);
  });
});

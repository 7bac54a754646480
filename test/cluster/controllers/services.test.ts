import { describe, expect, test } from 'vitest';
import { EndpointSlices, Endpoints, Pods, Services } from '../../../src/cluster/resources/index.ts';
import type { EndpointSlice } from '../../../src/cluster/schema/networking.ts';
import { world } from './world.ts';

const slicesOf = (w: ReturnType<typeof world>, service: string): readonly EndpointSlice[] =>
  w.store.list(EndpointSlices, { labelSelector: `kubernetes.io/service-name=${service}` }).items;
const addresses = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap(slice => slice.endpoints!.flatMap(e => e.addresses)).toSorted();

describe('addresses and ports of Services', () => {
  test('are drawn from the ranges, static ones from the lower band alone', () => {
    const w = world();
    const first = w.service('a', { type: 'NodePort' });
    expect(first.spec!.clusterIP).toMatch(/^10\.96\.\d+\.\d+$/);
    const [, , third, last] = first.spec!.clusterIP!.split('.').map(Number);
    expect(third! * 256 + last!).toBeGreaterThan(256);
    expect(first.spec!.ports![0]!.nodePort).toBeGreaterThanOrEqual(30_086);
    expect(w.service('b', { clusterIP: '10.96.0.10' }).spec).toMatchObject({ clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'] });
    expect(w.service('c', { clusterIP: 'None' }).spec!.clusterIPs).toEqual(['None']);
  });

  test('that are taken, or out of range, are refused as Kubernetes refuses them, and nothing is lost', () => {
    const w = world();
    w.service('a', { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ port: 80, nodePort: 30_080 }] });
    expect(() => w.service('b', { clusterIP: '10.96.0.10' })).toThrow(
      /spec\.clusterIPs: Invalid value: \["10\.96\.0\.10"\]: failed to allocate IP 10\.96\.0\.10: provided IP is already allocated/,
    );
    expect(() => w.service('b', { clusterIP: '10.97.0.10' })).toThrow(
      /the provided IP \(10\.97\.0\.10\) is not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/16/,
    );
    const port = (nodePort: number) => ({ type: 'NodePort' as const, clusterIP: '10.96.0.11', ports: [{ port: 80, nodePort }] });
    expect(() => w.service('b', port(30_080))).toThrow(
      /spec\.ports\[0\]\.nodePort: Invalid value: 30080: provided port is already allocated/,
    );
    expect(() => w.service('b', port(80))).toThrow(/provided port is not in the valid range\. The range of valid ports is 30000-32767/);
    expect(w.service('b', port(30_081)).spec!.clusterIP).toBe('10.96.0.11');
    w.store.delete(Services, 'default', 'a');
    expect(w.service('c', { type: 'NodePort', clusterIP: '10.96.0.10', ports: [{ port: 80, nodePort: 30_080 }] }).spec!.clusterIP).toBe(
      '10.96.0.10',
    );
  });

  test('follow a change of type', () => {
    const w = world();
    w.service('a', {});
    const node = w.store.modify(Services, 'default', 'a', draft => {
      draft.spec!.type = 'NodePort';
    });
    const { nodePort } = node.spec!.ports![0]!;
    expect(nodePort).toBeGreaterThan(30_000);
    const back = w.store.modify(Services, 'default', 'a', draft => {
      draft.spec!.type = 'ClusterIP';
    });
    expect(back.spec!.ports![0]!.nodePort).toBeUndefined();
    expect(back.spec!.clusterIP).toBe(node.spec!.clusterIP);
    expect(w.service('b', { type: 'NodePort', ports: [{ port: 80, nodePort: nodePort! }] }).spec!.ports![0]!.nodePort).toBe(nodePort);
  });

  test('a port has one number for TCP and UDP; a health check has one of its own', () => {
    const w = world();
    const dns = w.service('dns', {
      type: 'NodePort',
      ports: [
        { name: 'u', port: 53, protocol: 'UDP' },
        { name: 't', port: 53, protocol: 'TCP' },
      ],
    });
    expect(dns.spec!.ports![0]!.nodePort).toBe(dns.spec!.ports![1]!.nodePort);
    const lb = w.service('lb', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    expect(lb.spec!.healthCheckNodePort).toBeGreaterThan(30_000);
    expect(lb.status!.loadBalancer).toEqual({});
  });
});

describe('endpoints of a Service', () => {
  test('are the pods that its selector finds, with their conditions, named ports and places', () => {
    const w = world();
    w.service('web', { selector: { app: 'web' } });
    w.deploy('web', { replicas: 2 });
    w.kubelets();
    const [slice, ...others] = slicesOf(w, 'web');
    expect(others).toEqual([]);
    expect(slice!.ports).toEqual([{ name: '', protocol: 'TCP', port: 8080 }]);
    expect(slice!.endpoints!.map(e => [e.conditions, e.nodeName, e.targetRef?.kind]).toSorted()).toEqual([
      [{ ready: true, serving: true, terminating: false }, 'node1', 'Pod'],
      [{ ready: true, serving: true, terminating: false }, 'node2', 'Pod'],
    ]);
    expect(w.store.get(Endpoints, 'default', 'web').subsets![0]!.addresses).toHaveLength(2);

    w.becomes(w.pods()[0]!, false);
    w.turn();
    expect(slicesOf(w, 'web')[0]!.endpoints!.filter(e => e.conditions?.ready)).toHaveLength(1);
    expect(w.store.get(Endpoints, 'default', 'web').subsets![0]!.notReadyAddresses).toHaveLength(1);

    w.store.delete(Pods, 'default', w.pods()[1]!.metadata.name!);
    w.turn();
    expect(slicesOf(w, 'web')[0]!.endpoints!.map(e => e.conditions)).toContainEqual({ ready: false, serving: true, terminating: true });
  });

  test('stay in their slice, a hundred at most in one; a change writes one slice', () => {
    const w = world();
    w.service('web', { selector: { app: 'web' } });
    w.deploy('web', { replicas: 250 });
    w.kubelets();
    w.kubelets();
    const before = slicesOf(w, 'web');
    expect(before.map(slice => slice.endpoints!.length).toSorted((a, b) => a - b)).toEqual([50, 100, 100]);
    w.becomes(w.pods()[7]!, false);
    w.turn();
    const after = slicesOf(w, 'web');
    expect(
      after.filter(
        slice => before.find(b => b.metadata.uid === slice.metadata.uid)!.metadata.resourceVersion !== slice.metadata.resourceVersion,
      ),
    ).toHaveLength(1);
    expect(addresses(after)).toEqual(addresses(before));
    expect(new Set(addresses(after)).size).toBe(250);
  });

  test('are told although not ready where the Service asks for it', () => {
    const w = world();
    w.service('db', { selector: { app: 'db' }, clusterIP: 'None', publishNotReadyAddresses: true });
    w.deploy('db');
    w.turn();
    w.becomes(w.pods()[0]!, false);
    w.turn();
    expect(slicesOf(w, 'db')[0]!.endpoints![0]!.conditions).toEqual({ ready: true, serving: false, terminating: false });
    expect(slicesOf(w, 'db')[0]!.metadata.labels!['service.kubernetes.io/headless']).toBe('');
  });

  test('of a Service that nothing matches are an empty slice; they go with the Service', () => {
    const w = world();
    w.service('web', { selector: { app: 'nobody' } });
    w.turn();
    expect(slicesOf(w, 'web').map(slice => slice.endpoints)).toEqual([[]]);
    w.store.delete(Services, 'default', 'web');
    w.turn();
    expect([slicesOf(w, 'web').length, w.store.list(Endpoints).items.length]).toEqual([0, 0]);
  });

  test('say when what changed them happened: the Service when it is new, then the pod that changed first; who reads it takes it once', () => {
    const w = world();
    const times = (): (string | undefined)[] =>
      [slicesOf(w, 'web')[0]!, w.store.get(Endpoints, 'default', 'web')].map(
        o => o.metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time'],
      );
    const made = w.service('web', { selector: { app: 'web' } }).metadata.creationTimestamp!;
    w.turn();
    expect(times()).toEqual([made, made]);
    w.advance(2000);
    w.deploy('web', { replicas: 2 });
    w.kubelets();
    const ready = w.pods().map(p => p.status!.conditions!.find(c => c.type === 'Ready')!.lastTransitionTime!);
    expect(times()).toEqual([ready[0], ready[0]]);
    w.advance(3000);
    w.becomes(w.pods()[0]!, false);
    w.turn();
    const since = w.pods()[0]!.status!.conditions!.find(c => c.type === 'Ready')!.lastTransitionTime!;
    expect(Date.parse(since) - Date.parse(ready[0]!)).toBe(3000);
    expect(times()).toEqual([since, since]);

    // A pod that goes has no time of its own: what stood there is an older change's.
    w.store.delete(Pods, 'default', w.pods()[1]!.metadata.name!);
    w.turn();
    expect(times()).toEqual([undefined, undefined]);
  });

  test('without a selector are left to whoever writes them', () => {
    const w = world();
    w.service('outside', {});
    w.turn();
    expect(slicesOf(w, 'outside')).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { duration, selectorText } from '../../src/apiserver/table/column.ts';
import { podStatus } from '../../src/apiserver/table/pods.ts';
import { tableText } from '../../src/apiserver/table/table.ts';
import { resourceTypes } from '../../src/cluster/resources/index.ts';
import type { Pod } from '../../src/cluster/schema/pod.ts';

const NOW = Date.UTC(2026, 2, 1, 12);
const S = 1000,
  M = 60 * S,
  H = 60 * M,
  D = 24 * H;

test.each([
  [-5 * S, '<invalid>'],
  [0, '0s'],
  [119 * S, '119s'],
  [2 * M, '2m'],
  [3 * M + 20 * S, '3m20s'],
  [10 * M + 20 * S, '10m'],
  [179 * M, '179m'],
  [3 * H, '3h'],
  [3 * H + 5 * M, '3h5m'],
  [47 * H, '47h'],
  [2 * D, '2d'],
  [2 * D + 3 * H, '2d3h'],
  [8 * D + 3 * H, '8d'],
  [800 * D, '2y70d'],
])('%d ms is %s', (ms, text) => expect(duration(ms)).toBe(text));

describe('the status of a Pod', () => {
  const status = (fields: object, metadata: object = {}): string =>
    podStatus({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata,
      spec: { containers: [], initContainers: [{ name: 'i' }] },
      status: fields,
    } as Pod);
  const container = (state: object, ready = false) => ({ name: 'a', ready, restartCount: 0, image: '', imageID: '', state });
  test.each([
    ['Pending', { phase: 'Pending' }],
    ['ContainerCreating', { phase: 'Pending', containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })] }],
    ['CrashLoopBackOff', { phase: 'Running', containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } })] }],
    ['Completed', { phase: 'Succeeded', containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } })] }],
    [
      'NotReady',
      {
        phase: 'Running',
        containerStatuses: [container({ terminated: { exitCode: 0, reason: 'Completed' } }), container({ running: {} }, true)],
      },
    ],
    ['ExitCode:3', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] }],
    ['Signal:9', { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 137, signal: 9 } })] }],
    ['Init:0/1', { phase: 'Pending', initContainerStatuses: [container({ running: {} })] }],
    ['Init:Error', { phase: 'Pending', initContainerStatuses: [container({ terminated: { exitCode: 1, reason: 'Error' } })] }],
    ['Evicted', { phase: 'Failed', reason: 'Evicted' }],
  ])('%s', (text, fields) => expect(status(fields)).toBe(text));
  test('Terminating', () => expect(status({ phase: 'Running' }, { deletionTimestamp: 'x' })).toBe('Terminating'));
});

test('the columns of kubectl', () => {
  const heads = Object.fromEntries(
    resourceTypes.map(type => {
      const { columnDefinitions } = JSON.parse(tableText(type, [], {}, { apiVersion: 'meta.k8s.io/v1', include: 'None' }, NOW)) as {
        columnDefinitions: { name: string; priority: number }[];
      };
      return [type.resource, columnDefinitions.map(({ name, priority }) => (priority === 0 ? name : `(${name})`).toUpperCase()).join(' ')];
    }),
  );
  expect(heads).toMatchObject({
    pods: 'NAME READY STATUS RESTARTS AGE (IP) (NODE) (NOMINATED NODE) (READINESS GATES)',
    services: 'NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE (SELECTOR)',
    deployments: 'NAME READY UP-TO-DATE AVAILABLE AGE (CONTAINERS) (IMAGES) (SELECTOR)',
    replicasets: 'NAME DESIRED CURRENT READY AGE (CONTAINERS) (IMAGES) (SELECTOR)',
    daemonsets: 'NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE (CONTAINERS) (IMAGES) (SELECTOR)',
    nodes: 'NAME STATUS ROLES AGE VERSION (INTERNAL-IP) (EXTERNAL-IP) (OS-IMAGE) (KERNEL-VERSION) (CONTAINER-RUNTIME)',
    endpoints: 'NAME ENDPOINTS AGE',
    endpointslices: 'NAME ADDRESSTYPE PORTS ENDPOINTS AGE',
    events: 'LAST SEEN TYPE REASON OBJECT (SUBOBJECT) (SOURCE) MESSAGE (FIRST SEEN) (COUNT) (NAME)',
    leases: 'NAME HOLDER AGE',
  });
});

describe('a row', () => {
  const cells = (resource: string, object: object): unknown[] => {
    const type = resourceTypes.find(each => each.resource === resource)!;
    const whole = { metadata: { name: 'web', creationTimestamp: '2026-03-01T11:59:15Z' }, ...object } as never;
    return (
      JSON.parse(tableText(type, [whole], {}, { apiVersion: 'meta.k8s.io/v1', include: 'None' }, NOW)) as { rows: { cells: unknown[] }[] }
    ).rows[0]!.cells;
  };
  test('of a Service of each type', () => {
    const ports = [
      { port: 80, nodePort: 30_080, protocol: 'TCP' },
      { port: 53, protocol: 'UDP' },
    ];
    expect(cells('services', { spec: { type: 'NodePort', clusterIPs: ['10.96.0.5'], ports, selector: { b: '2', a: '1' } } })).toEqual([
      'web',
      'NodePort',
      '10.96.0.5',
      '<none>',
      '80:30080/TCP,53/UDP',
      '45s',
      'a=1,b=2',
    ]);
    expect(cells('services', { spec: { type: 'LoadBalancer', clusterIPs: ['10.96.0.5'], ports } })[3]).toBe('<pending>');
    expect(cells('services', { spec: { type: 'LoadBalancer' }, status: { loadBalancer: { ingress: [{ ip: '198.51.100.7' }] } } })[3]).toBe(
      '198.51.100.7',
    );
    expect(cells('services', { spec: { type: 'ExternalName', externalName: 'db.example.com' } }).slice(1, 5)).toEqual([
      'ExternalName',
      '<none>',
      'db.example.com',
      '<none>',
    ]);
    expect(cells('services', { spec: { type: 'ClusterIP', clusterIPs: ['None'], externalIPs: ['203.0.113.5'] } }).slice(2, 4)).toEqual([
      'None',
      '203.0.113.5',
    ]);
  });
  test('of Endpoints and an EndpointSlice with more than fit', () => {
    const addresses = [1, 2, 3, 4, 5].map(n => ({ ip: `10.244.1.${n}` }));
    expect(cells('endpoints', { subsets: [{ addresses, ports: [{ port: 80 }] }] })[1]).toBe(
      '10.244.1.1:80,10.244.1.2:80,10.244.1.3:80 + 2 more...',
    );
    expect(cells('endpoints', {})[1]).toBe('<none>');
    expect(cells('endpointslices', { addressType: 'IPv4', ports: [{ port: 80 }, { name: 'all' }], endpoints: [] }).slice(1, 4)).toEqual([
      'IPv4',
      '80,all',
      '<unset>',
    ]);
  });
  test('of a Pod that was restarted', () => {
    const lastState = { terminated: { exitCode: 1, finishedAt: '2026-03-01T11:55:00Z' } };
    const status = {
      phase: 'Running',
      podIPs: [{ ip: '10.244.1.5' }],
      containerStatuses: [{ name: 'a', ready: true, restartCount: 3, image: '', imageID: '', state: { running: {} }, lastState }],
    };
    expect(cells('pods', { spec: { containers: [{ name: 'a' }], nodeName: 'node1' }, status })).toEqual([
      'web',
      '1/1',
      'Running',
      '3 (5m ago)',
      '45s',
      '10.244.1.5',
      'node1',
      '<none>',
      '<none>',
    ]);
  });
  test('of a Node', () => {
    const labels = { 'node-role.kubernetes.io/control-plane': '' };
    const status = { conditions: [{ type: 'Ready', status: 'True' }], addresses: [{ type: 'InternalIP', address: '192.168.56.11' }] };
    expect(cells('nodes', { metadata: { name: 'node1', labels }, spec: { unschedulable: true }, status }).slice(0, 6)).toEqual([
      'node1',
      'Ready,SchedulingDisabled',
      'control-plane',
      '<unknown>',
      '',
      '192.168.56.11',
    ]);
  });
});

test('a selector as -l takes it', () => {
  const matchExpressions = [
    { key: 'tier', operator: 'In', values: ['b', 'a'] },
    { key: 'old', operator: 'DoesNotExist' },
  ];
  expect(selectorText({ matchLabels: { app: 'web' }, matchExpressions })).toBe('app=web,!old,tier in (a,b)');
});

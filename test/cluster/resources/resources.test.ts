import { describe, expect, test } from 'vitest';
import { ConfigMaps, Events, Namespaces, Pods, resourceTypes, Services } from '../../../src/cluster/resources/index.ts';
import { clusterWorld, refusal } from './world.ts';

const metadata = { name: 'web', namespace: 'default' };
const pod = (spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'web', image: 'nginx:alpine' }], ...spec },
});
const deployment = (spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata,
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } },
    ...spec,
  },
});
const service = (spec: object = {}) => ({ apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }], ...spec } });

describe('defaults', () => {
  test('of a Pod, and the grace with which it goes', () => {
    const { store, create } = clusterWorld();
    expect(create(pod())).toMatchObject({
      metadata: { generation: 1 },
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        terminationGracePeriodSeconds: 30,
        serviceAccountName: 'default',
        containers: [{ imagePullPolicy: 'IfNotPresent', terminationMessagePath: '/dev/termination-log', resources: {} }],
        tolerations: [{ key: 'node.kubernetes.io/not-ready' }, { key: 'node.kubernetes.io/unreachable' }],
      },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    });
    store.modify(Pods, 'default', 'web', draft => {
      draft.spec!.nodeName = 'node1';
    });
    expect(store.delete(Pods, 'default', 'web')).toMatchObject({
      gone: false,
      object: { metadata: { deletionGracePeriodSeconds: 30, deletionTimestamp: '2026-03-01T12:00:30Z' } },
    });
    expect(store.delete(Pods, 'default', 'web', { gracePeriodSeconds: 0 }).gone).toBe(true);
  });
  test('of a Deployment and its template', () => {
    expect(clusterWorld().create(deployment())).toMatchObject({
      spec: {
        replicas: 1,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        progressDeadlineSeconds: 600,
        template: { spec: { restartPolicy: 'Always', containers: [{ imagePullPolicy: 'Always' }] } },
      },
    });
  });
  test('of a Service', () => {
    expect(clusterWorld().create(service({ type: 'NodePort', clusterIP: '10.96.0.5' }))).toMatchObject({
      spec: {
        clusterIPs: ['10.96.0.5'],
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        externalTrafficPolicy: 'Cluster',
        internalTrafficPolicy: 'Cluster',
        sessionAffinity: 'None',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      },
      status: { loadBalancer: {} },
    });
  });
});

describe('what is refused', () => {
  test('says every cause of a Service', () => {
    const status = refusal(() => clusterWorld().create(service({ ports: [{ port: 70_000 }, { port: 80, name: 'B' }] })));
    expect(status).toMatchObject({ code: 422, reason: 'Invalid' });
    expect(status.message).toContain('spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive');
    expect(status.details?.causes).toContainEqual({ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.ports[0].name' });
  });
  test.each([
    [{ containers: [] }, 'spec.containers: Required value'],
    [{ containers: [{ name: 'a' }] }, 'spec.containers[0].image: Required value'],
    [
      { containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 70_000 }] }] },
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      { containers: [{ name: 'a', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
      'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ],
    [
      { containers: [{ name: 'a', image: 'x', readinessProbe: {} }] },
      'spec.containers[0].readinessProbe: Required value: must specify a handler type',
    ],
    [
      {
        containers: [
          { name: 'a', image: 'x' },
          { name: 'a', image: 'x' },
        ],
      },
      'spec.containers[1].name: Duplicate value: "a"',
    ],
    [
      { containers: [{ name: 'a', image: 'x', resources: { limits: { cpu: '1' }, requests: { cpu: '1500m' } } }] },
      'spec.containers[0].resources.requests: Invalid value: "1500m": must be less than or equal to cpu limit of 1',
    ],
    [{ restartPolicy: 'Often' }, 'spec.restartPolicy: Unsupported value: "Often": supported values: "Always", "Never", "OnFailure"'],
  ])('of a Pod: %j', (spec, message) => {
    expect(refusal(() => clusterWorld().create(pod(spec))).message).toContain(message);
  });
  test('of a Deployment: a template that its selector does not match, and another selector later', () => {
    const { store, create } = clusterWorld();
    const other = { template: { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'web', image: 'nginx' }] } } };
    expect(refusal(() => create(deployment(other))).message).toContain('`selector` does not match template `labels`');
    create(deployment());
    const type = store.type('deployments.apps')!;
    const changed = { matchLabels: { app: 'y' } };
    expect(
      refusal(() =>
        store.update(type, deployment({ selector: changed, template: { ...other.template, metadata: { labels: { app: 'y' } } } })),
      ).message,
    ).toContain('field is immutable');
  });
  test('of a Pod that is there: another command', () => {
    const { store, create } = clusterWorld();
    create(pod());
    const change = (field: 'image' | 'workingDir') => () =>
      store.modify(Pods, 'default', 'web', draft => {
        draft.spec!.containers[0]![field] = '/other';
      });
    expect(refusal(change('workingDir')).message).toContain('spec: Forbidden: pod updates may not change fields other than');
    expect(change('image')()).toMatchObject({ metadata: { generation: 2 } });
  });
  test('of metadata: labels, annotations and owners', () => {
    const bad = {
      name: 'Web',
      namespace: 'default',
      labels: { 'a b': '-' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: '', uid: 'x' }],
    };
    const { message } = refusal(() => clusterWorld().create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: bad }));
    for (const part of ['metadata.name: Invalid value: "Web"', 'metadata.labels: Invalid value: "a b"', 'metadata.ownerReferences[0].name'])
      expect(message).toContain(part);
  });
  test('a namespace that is not there', () => {
    expect(refusal(() => clusterWorld().create({ ...service(), metadata: { name: 'web', namespace: 'none' } }))).toMatchObject({
      code: 404,
      message: 'namespaces "none" not found',
    });
  });
});

describe('a Service that changes', () => {
  test('keeps the address and the ports that it was given', () => {
    const { store, create } = clusterWorld();
    create(service({ type: 'NodePort', clusterIP: '10.96.0.5', ports: [{ port: 80, nodePort: 30_080 }] }));
    const after = store.update(Services, service({ type: 'NodePort', ports: [{ port: 80 }] }) as never);
    expect(after.spec).toMatchObject({ clusterIP: '10.96.0.5', ports: [{ nodePort: 30_080 }] });
    expect(
      refusal(() =>
        store.modify(Services, 'default', 'web', draft =>
          Object.assign(draft.spec!, { clusterIP: '10.96.0.6', clusterIPs: ['10.96.0.6'] }),
        ),
      ).message,
    ).toContain('spec.clusterIPs[0]: Invalid value: ["10.96.0.6"]: may not change once set');
  });
  test('lets go of what its new type has not', () => {
    const { store, create } = clusterWorld();
    create(service({ type: 'NodePort', clusterIP: '10.96.0.5', ports: [{ port: 80, nodePort: 30_080 }] }));
    const after = store.modify(Services, 'default', 'web', draft => {
      draft.spec!.type = 'ClusterIP';
    });
    expect(after.spec!.ports![0]).not.toHaveProperty('nodePort');
    expect(after.spec).not.toHaveProperty('externalTrafficPolicy');
    const named = store.modify(Services, 'default', 'web', draft =>
      Object.assign(draft.spec!, { type: 'ExternalName', externalName: 'db.example.com' }),
    );
    expect(named.spec).not.toHaveProperty('clusterIP');
  });
});

describe('a namespace', () => {
  test('is emptied before it goes, waits for what is held, and takes in nothing new', () => {
    const { store, create, turn } = clusterWorld();
    create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' } });
    create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b', namespace: 'shop', finalizers: ['example.com/hold'] } });
    turn();
    store.delete(Namespaces, '', 'shop');
    turn();
    expect(store.get(Namespaces, '', 'shop').status?.phase).toBe('Terminating');
    expect(refusal(() => create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'shop' } }))).toMatchObject({
      code: 403,
    });
    store.modify(ConfigMaps, 'shop', 'b', draft => {
      draft.metadata.finalizers = [];
    });
    turn();
    expect(store.find(Namespaces, '', 'shop')).toBeUndefined();
    expect(refusal(() => store.delete(Namespaces, '', 'default')).message).toBe(
      'namespaces "default" is forbidden: this namespace may not be deleted',
    );
  });
});

test('events are told for an hour', () => {
  const { store, create, clock } = clusterWorld();
  const event = (name: string) =>
    create({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace: 'default' },
      involvedObject: { kind: 'Pod', name: 'web', namespace: 'default' },
    });
  event('a');
  clock.advance(3_700_000);
  event('b');
  expect(store.list(Events).items.map(e => e.metadata.name)).toEqual(['b']);
});

test('defaults change nothing when they are filled in again', () => {
  const { store, create } = clusterWorld();
  for (const object of [pod(), deployment(), service({ type: 'LoadBalancer' })]) {
    const made = create(object);
    const type = resourceTypes.find(t => t.kind === object.kind)!;
    expect(store.update(type, made)).toBe(made);
  }
});

import { describe, expect, test } from 'vitest';
import { DaemonSets, Deployments, Events, Nodes, Pods, ReplicaSets } from '../../../src/cluster/resources/index.ts';
import type { DaemonSet } from '../../../src/cluster/schema/workload.ts';
import { world } from './world.ts';

const image = (pod: { spec?: { containers: readonly { image?: string }[] } }) => pod.spec!.containers[0]!.image;

describe('a Deployment', () => {
  test('has as many pods as it wants, spread over the nodes, and says so', () => {
    const w = world();
    w.deploy('web', { replicas: 4 });
    w.kubelets();
    expect(
      w
        .pods()
        .map(pod => pod.spec!.nodeName)
        .toSorted(),
    ).toEqual(['node1', 'node1', 'node2', 'node2']);
    const { status, metadata } = w.store.get(Deployments, 'default', 'web');
    expect(status).toMatchObject({ replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4, observedGeneration: 1 });
    expect(status!.conditions!.map(c => [c.type, c.status, c.reason])).toEqual([
      ['Available', 'True', 'MinimumReplicasAvailable'],
      ['Progressing', 'True', 'NewReplicaSetAvailable'],
    ]);
    expect(metadata.annotations!['deployment.kubernetes.io/revision']).toBe('1');
    expect(w.problems).toEqual([]);
  });

  test('is scaled up and down; the pods that are missed least go first', () => {
    const w = world();
    w.deploy('web', { replicas: 3 });
    w.kubelets();
    const sick = w.pods()[1]!;
    w.becomes(sick, false);
    w.store.modify(Deployments, 'default', 'web', draft => {
      draft.spec!.replicas = 2;
    });
    w.turn();
    expect(
      w
        .pods()
        .filter(pod => pod.metadata.deletionTimestamp !== undefined)
        .map(pod => pod.metadata.name),
    ).toEqual([sick.metadata.name]);
    w.kubelets();
    w.store.modify(Deployments, 'default', 'web', draft => {
      draft.spec!.replicas = 0;
    });
    w.kubelets();
    w.kubelets();
    expect(w.pods()).toEqual([]);
    expect(w.store.get(Deployments, 'default', 'web').status?.replicas).toBeUndefined();
  });

  test('rolls a new template out within maxSurge and maxUnavailable, and back', () => {
    const w = world();
    w.deploy('web', { replicas: 4, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
    w.kubelets();
    const set = (to: string) =>
      w.store.modify(Deployments, 'default', 'web', draft => {
        draft.spec!.template!.spec!.containers[0]!.image = to;
      });
    set('kubehop/echo:2');
    for (let round = 0; round < 12; round++) {
      w.turn();
      const live = w.pods().filter(pod => pod.metadata.deletionTimestamp === undefined);
      expect(live.length).toBeLessThanOrEqual(5);
      expect(
        live.filter(pod => pod.status?.conditions?.some(c => c.type === 'Ready' && c.status === 'True')).length,
      ).toBeGreaterThanOrEqual(3);
      w.kubelets();
    }
    expect(w.pods().map(image)).toEqual(Array(4).fill('kubehop/echo:2'));
    expect(
      w.store
        .list(ReplicaSets)
        .items.map(rs => rs.spec!.replicas)
        .toSorted(),
    ).toEqual([0, 4]);
    set('kubehop/echo');
    for (let round = 0; round < 12; round++) w.kubelets();
    expect(w.pods().map(image)).toEqual(Array(4).fill('kubehop/echo'));
    expect(w.store.list(ReplicaSets).items).toHaveLength(2);
    expect(w.store.get(Deployments, 'default', 'web').metadata.annotations!['deployment.kubernetes.io/revision']).toBe('3');
  });

  test('with Recreate has no new pod before the last old one is gone', () => {
    const w = world();
    w.deploy('web', { replicas: 2, strategy: { type: 'Recreate' } });
    w.kubelets();
    w.store.modify(Deployments, 'default', 'web', draft => {
      draft.spec!.template!.spec!.containers[0]!.image = 'other';
    });
    w.turn();
    expect(w.pods().map(pod => [image(pod), pod.metadata.deletionTimestamp !== undefined])).toEqual(Array(2).fill(['kubehop/echo', true]));
    w.kubelets();
    w.kubelets();
    expect(w.pods().map(image)).toEqual(['other', 'other']);
  });

  test('that is deleted takes everything with it', () => {
    const w = world();
    w.deploy('web', { replicas: 2 });
    w.kubelets();
    w.store.delete(Deployments, 'default', 'web');
    w.kubelets();
    w.kubelets();
    expect([w.pods().length, w.store.list(ReplicaSets).items.length]).toEqual([0, 0]);
  });

  test('without progress says so after its deadline', () => {
    const w = world([]);
    w.deploy('web', { progressDeadlineSeconds: 10 });
    w.turn();
    w.advance(15_000);
    expect(w.store.get(Deployments, 'default', 'web').status!.conditions!.find(c => c.type === 'Progressing')).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
    });
  });
});

describe('the scheduler', () => {
  test('says why no node will do, in its words, and takes the first that comes', () => {
    const w = world(['node1']);
    w.deploy('web', {
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { nodeSelector: { disk: 'ssd' }, containers: [{ name: 'web', image: 'a' }] },
      },
    } as never);
    w.turn();
    const [event] = w.store.list(Events, { namespace: 'default', fieldSelector: 'reason=FailedScheduling' }).items;
    expect(event!.message).toBe("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.");
    expect(w.pods()[0]!.status).toMatchObject({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }],
    });
    w.addNode('node2', { disk: 'ssd' });
    w.turn();
    expect(w.pods()[0]!.spec!.nodeName).toBe('node2');
  });

  test('leaves a cordoned node alone', () => {
    const w = world();
    w.store.modify(Nodes, '', 'node1', draft => {
      draft.spec!.unschedulable = true;
    });
    w.deploy('web', { replicas: 3 });
    w.turn();
    expect(w.pods().map(pod => pod.spec!.nodeName)).toEqual(['node2', 'node2', 'node2']);
  });
});

describe('a DaemonSet', () => {
  const create = (w: ReturnType<typeof world>) =>
    w.store.create(DaemonSets, {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: {
        selector: { matchLabels: { app: 'agent' } },
        template: { metadata: { labels: { app: 'agent' } }, spec: { containers: [{ name: 'agent', image: 'a' }] } },
      },
    } as DaemonSet);

  test('runs one pod on every node, also on one that joins, and none where none may', () => {
    const w = world();
    create(w);
    w.kubelets();
    expect(
      w
        .pods()
        .map(pod => pod.spec!.nodeName)
        .toSorted(),
    ).toEqual(['node1', 'node2']);
    w.addNode('node3');
    w.kubelets();
    expect(w.store.get(DaemonSets, 'default', 'agent').status).toMatchObject({
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      numberReady: 3,
    });
    w.store.modify(Nodes, '', 'node3', draft => {
      draft.spec!.taints = [{ key: 'gpu', effect: 'NoSchedule' }];
    });
    w.kubelets();
    w.kubelets();
    expect(
      w
        .pods()
        .map(pod => pod.spec!.nodeName)
        .toSorted(),
    ).toEqual(['node1', 'node2']);
  });

  test('replaces its pods one after another when the template changes', () => {
    const w = world(['node1', 'node2', 'node3']);
    create(w);
    w.kubelets();
    w.store.modify(DaemonSets, 'default', 'agent', draft => {
      draft.spec!.template!.spec!.containers[0]!.image = 'b';
    });
    for (let round = 0; round < 8; round++) {
      w.turn();
      expect(w.pods().filter(pod => pod.metadata.deletionTimestamp !== undefined).length).toBeLessThanOrEqual(1);
      w.kubelets();
    }
    expect(w.pods().map(image)).toEqual(['b', 'b', 'b']);
  });
});

describe('a node', () => {
  test('gets its range, and is not ready when its kubelet is silent; its pods leave it after five minutes', () => {
    const w = world();
    expect(w.store.get(Nodes, '', 'node2').spec!.podCIDR).toBe('10.244.2.0/24');
    w.deploy('web', { replicas: 2 });
    w.kubelets();
    for (let i = 0; i < 6; i++) {
      w.live('node1');
      w.advance(10_000);
    }
    const ready = () => w.store.get(Nodes, '', 'node2').status!.conditions!.find(c => c.type === 'Ready')!.status;
    expect(ready()).toBe('Unknown');
    expect(w.store.get(Nodes, '', 'node2').spec!.taints!.map(t => `${t.key}:${t.effect}`)).toEqual([
      'node.kubernetes.io/unreachable:NoSchedule',
      'node.kubernetes.io/unreachable:NoExecute',
    ]);
    for (let i = 0; i < 31; i++) {
      w.live('node1');
      w.advance(10_000);
    }
    expect(
      w
        .pods()
        .filter(pod => pod.metadata.deletionTimestamp === undefined)
        .map(pod => pod.spec!.nodeName),
    ).toEqual(['node1', 'node1']);
  });

  test('that is deleted takes its pods with it at once', () => {
    const w = world();
    w.deploy('web', { replicas: 2 });
    w.kubelets();
    w.store.delete(Nodes, '', 'node2');
    w.turn();
    expect(w.store.list(Pods, { fieldSelector: 'spec.nodeName=node2' }).items).toEqual([]);
    expect(w.pods().map(pod => pod.spec!.nodeName)).toEqual(['node1', 'node1']);
  });
});

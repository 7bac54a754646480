/** A cluster without kubelets: a store with its controllers, turns of the loop on demand, a clock that is told. */
import { SeededRandom } from '../../../src/base/random.ts';
import type { Timers } from '../../../src/base/timers.ts';
import { bootstrap, newClusterStore, startHousekeeping } from '../../../src/cluster/bootstrap.ts';
import { serviceAdmissions, startControllers } from '../../../src/cluster/controllers/start.ts';
import { Deployments, Leases, Nodes, Pods, Services } from '../../../src/cluster/resources/index.ts';
import type { Node } from '../../../src/cluster/schema/cluster.ts';
import type { Service, ServiceSpec } from '../../../src/cluster/schema/networking.ts';
import type { Pod } from '../../../src/cluster/schema/pod.ts';
import type { Deployment, DeploymentSpec } from '../../../src/cluster/schema/workload.ts';
import { microTimeText, timeText } from '../../../src/cluster/store/object.ts';

class ToldTimers implements Timers {
  #now = Date.parse('2026-03-01T12:00:00Z');
  #waiting: { dueMs: number; run: () => void }[] = [];
  nowMs = (): number => this.#now;
  after(ms: number, run: () => void): () => void {
    const entry = { dueMs: this.#now + ms, run };
    this.#waiting.push(entry);
    return () => {
      this.#waiting = this.#waiting.filter(each => each !== entry);
    };
  }
  advance(ms: number, turn: () => void): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#waiting.filter(({ dueMs }) => dueMs <= end).toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#waiting = this.#waiting.filter(each => each !== next);
      this.#now = Math.max(this.#now, next.dueMs);
      next.run();
      turn();
    }
    this.#now = end;
    turn();
  }
}

export function world(nodes: readonly string[] = ['node1', 'node2']) {
  const timers = new ToldTimers();
  const runs: (() => void)[] = [];
  const schedule = (run: () => void): void => void runs.push(run);
  const random = new SeededRandom(7);
  const admissions = serviceAdmissions('10.96.0.0/16', random);
  const store = newClusterStore({ clock: timers, random, schedule, admissions: admissions.list });
  const problems: unknown[] = [];
  bootstrap(store);
  startHousekeeping(store);
  startControllers({
    store,
    timers,
    random,
    schedule,
    report: (_, __, error) => problems.push(error),
    podCidr: ({ metadata }) => `10.244.${metadata.name!.slice(4)}.0/24`,
  });
  const turn = (): void => {
    while (runs.length > 0) for (const run of runs.splice(0)) run();
  };
  const live = (node: string): void => {
    const renewTime = microTimeText(timers.nowMs());
    if (store.find(Leases, 'kube-node-lease', node) === undefined)
      store.create(Leases, {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: node, namespace: 'kube-node-lease' },
        spec: { renewTime },
      });
    else store.modify(Leases, 'kube-node-lease', node, draft => void Object.assign(draft.spec!, { renewTime }));
  };
  const addNode = (name: string, labels: Record<string, string> = {}): void => {
    store.create(Nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels } } as Node);
    setNode(name, 'True');
    live(name);
  };
  const setNode = (name: string, status: 'True' | 'False'): void =>
    void store.modify(
      Nodes,
      '',
      name,
      draft => {
        draft.status = { conditions: [{ type: 'Ready', status }] };
      },
      {
        subresource: 'status',
      },
    );
  for (const name of nodes) addNode(name);
  turn();
  let address = 1;
  /** What a kubelet says of its pod. */
  const becomes = (pod: Pod, ready: boolean): void =>
    void store.modify(
      Pods,
      pod.metadata.namespace!,
      pod.metadata.name!,
      draft => {
        const podIP = draft.status?.podIP ?? `10.244.${draft.spec!.nodeName!.slice(4)}.${++address}`;
        const others = (draft.status?.conditions ?? []).filter(condition => condition.type !== 'Ready');
        const status = ready ? 'True' : 'False';
        const same = draft.status?.conditions?.find(c => c.type === 'Ready')?.status === status;
        if (same) return;
        draft.status = {
          ...draft.status,
          phase: 'Running',
          podIP,
          conditions: [...others, { type: 'Ready', status, lastTransitionTime: timeText(timers.nowMs()) }],
        };
      },
      { subresource: 'status' },
    );
  const pods = (labelSelector = ''): readonly Pod[] => store.list(Pods, { namespace: 'default', labelSelector }).items;
  return {
    store,
    timers,
    turn,
    addNode,
    setNode,
    live,
    becomes,
    pods,
    problems,
    advance: (ms: number) => timers.advance(ms, turn),
    /** Every pod that has a node and none that ends is ready; those that end are gone. */
    kubelets: () => {
      turn();
      for (const pod of store.list(Pods).items) {
        if (pod.metadata.deletionTimestamp !== undefined)
          store.delete(Pods, pod.metadata.namespace!, pod.metadata.name!, { gracePeriodSeconds: 0 });
        else if ((pod.spec?.nodeName ?? '') !== '') becomes(pod, true);
      }
      turn();
    },
    deploy: (name: string, spec: Partial<DeploymentSpec> = {}, image = 'kubehop/echo'): Deployment =>
      store.create(Deployments, {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name },
        spec: {
          selector: { matchLabels: { app: name } },
          template: {
            metadata: { labels: { app: name } },
            spec: { containers: [{ name: 'web', image, ports: [{ name: 'http', containerPort: 8080 }] }] },
          },
          ...spec,
        },
      } as Deployment),
    service: (name: string, spec: Partial<ServiceSpec>): Service =>
      store.create(Services, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name },
        spec: { ports: [{ port: 80, targetPort: 'http' }], ...spec },
      } as Service),
  };
}

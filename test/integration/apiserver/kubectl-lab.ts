/** An API server for kubectl alone: no namespaces, pods that are processes of this machine. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { writeKubeconfig } from '../../../src/apiserver/kubeconfig.ts';
import type { PodStreams } from '../../../src/apiserver/pod-streams.ts';
import { ApiServer } from '../../../src/apiserver/server.ts';
import type { PodProcess } from '../../../src/apiserver/streams/pod-programs.ts';
import { openStreams } from '../../../src/apiserver/streams/serve.ts';
import { Authority } from '../../../src/apiserver/tls/certificate.ts';
import { wallClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { bootstrap, newClusterStore, startHousekeeping } from '../../../src/cluster/bootstrap.ts';
import { Deployments, Pods } from '../../../src/cluster/resources/index.ts';
import type { Store } from '../../../src/cluster/store/store.ts';

/** Says that everything is well as soon as it is there: what controllers and kubelet do at length. */
function contentment(store: Store): () => void {
  const stops = [
    store.follow(Deployments, {}, ({ type, object: { metadata, spec, status } }) => {
      if (type === 'DELETED' || status?.observedGeneration === metadata.generation) return;
      const replicas = spec?.replicas ?? 0;
      store.modify(
        Deployments,
        metadata.namespace!,
        metadata.name!,
        draft => {
          draft.status = {
            observedGeneration: metadata.generation!,
            replicas,
            updatedReplicas: replicas,
            readyReplicas: replicas,
            availableReplicas: replicas,
          };
        },
        { subresource: 'status' },
      );
    }),
    store.follow(Pods, {}, ({ type, object: { metadata, status } }) => {
      if (type === 'DELETED' || status?.phase !== 'Pending') return;
      store.modify(
        Pods,
        metadata.namespace!,
        metadata.name!,
        draft => {
          draft.status = { ...draft.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
        },
        { subresource: 'status' },
      );
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** Pods whose containers are processes of this machine, with nothing around them. */
const thesePods: PodStreams = {
  log: ({ metadata }, query, response) => {
    response.write(`${metadata.name} ${query.get('tailLines') ?? 'all'}\n`);
    response.end(query.get('follow') === 'true' ? 'and more\n' : undefined);
  },
  open: openStreams({
    exec: async (_, { command, stdin }) => {
      const child = spawn(command[0]!, command.slice(1));
      await once(child, 'spawn');
      return processOf(child, stdin);
    },
    attach: (_, { stdin }) => processOf(spawn('sh', ['-c', 'echo attached; cat']), stdin),
    connect: async (_, port) => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    },
  }),
};

function processOf(child: ChildProcessWithoutNullStreams, stdin: boolean): PodProcess {
  if (!stdin) child.stdin.end();
  return {
    stdin: stdin ? child.stdin : undefined,
    exited: new Promise(resolve => void child.on('close', code => resolve({ code: code ?? 137 }))),
    onOutput: listener => {
      for (const stream of ['stdout', 'stderr'] as const) child[stream].on('data', (chunk: Buffer) => listener(stream, chunk));
      return () => {};
    },
    pause: () => void child.stdout.pause(),
    resume: () => void child.stdout.resume(),
    resize: () => {},
    signal: name => void child.kill(name as NodeJS.Signals),
  };
}

export class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'kubehop-kubectl-'));
  readonly store = newClusterStore({ clock: wallClock, random: systemRandom() });
  readonly errors: unknown[] = [];
  readonly #stops: (() => void)[];
  readonly server: ApiServer;
  readonly #authority = new Authority('kubehop lab', Date.now());

  constructor() {
    bootstrap(this.store);
    this.#stops = [startHousekeeping(this.store, this.#authority.certificate), contentment(this.store)];
    this.server = new ApiServer({
      store: this.store,
      token: 'sesame',
      tls: this.#authority.server('kube-apiserver', ['127.0.0.1'], Date.now()),
      report: error => void this.errors.push(error),
      pods: thesePods,
    });
  }
  async start(): Promise<this> {
    await this.server.listen({ host: '127.0.0.1', port: 0 });
    writeKubeconfig(this.kubeconfig, { name: 'lab', server: this.server.url, ca: this.#authority.certificate, token: 'sesame' });
    return this;
  }
  get kubeconfig(): string {
    return join(this.folder, 'config');
  }
  get env(): Record<string, string> {
    // Discovery is kept below HOME: every lab has its own.
    return { KUBECONFIG: this.kubeconfig, HOME: this.folder };
  }
  async stop(): Promise<void> {
    for (const stop of this.#stops) stop();
    await this.server.close();
    rmSync(this.folder, { recursive: true });
    expect(this.errors).toEqual([]);
  }
}

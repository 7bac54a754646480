/** A kubelet on a store, with time that stands still until it is told, and a machine that is a table of what was started. */
import { Readable } from 'node:stream';
import { SeededRandom } from '../../../src/base/random.ts';
import type { Timers } from '../../../src/base/timers.ts';
import { bootstrap, newClusterStore } from '../../../src/cluster/bootstrap.ts';
import { Events, Pods } from '../../../src/cluster/resources/index.ts';
import type { Pod } from '../../../src/cluster/schema/pod.ts';
import type { Store } from '../../../src/cluster/store/store.ts';
import type { LogStream } from '../../../src/kubelet/container-log.ts';
import { imageTable } from '../../../src/kubelet/images.ts';
import { Kubelet } from '../../../src/kubelet/kubelet.ts';
import {
  type ContainerOptions,
  type ExitStatus,
  type PodIdentity,
  type PodNetwork,
  type ProcessOptions,
  type RunningContainer,
  type RunningProcess,
  type Runtime,
  type Sandbox,
  StartError,
} from '../../../src/kubelet/runtime.ts';
import { StoreApi } from '../../../src/kubelet/store-api.ts';

export class TestTimers implements Timers {
  #nowMs = 1_700_000_000_000;
  #waiting: { dueMs: number; run: () => void }[] = [];
  nowMs = (): number => this.#nowMs;
  after(ms: number, run: () => void): () => void {
    const one = { dueMs: this.#nowMs + ms, run };
    this.#waiting.push(one);
    return () => {
      this.#waiting = this.#waiting.filter(other => other !== one);
    };
  }
  /** Everything that falls due, each in its moment, with all that follows from it. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (;;) {
      const next = this.#waiting.toSorted((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined || next.dueMs > untilMs) break;
      this.#waiting = this.#waiting.filter(other => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }
}

/** Until nothing happens any more without time. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>(resolve => setImmediate(resolve));
}

export class TestProcess implements RunningContainer {
  readonly pid = 1;
  readonly stdin = undefined;
  readonly exited: Promise<ExitStatus>;
  readonly options: ProcessOptions;
  readonly signals: string[] = [];
  readonly executed: (readonly string[])[] = [];
  message = '';
  /** Exit codes of what is executed in it, by the first word. */
  answers: Record<string, number> = {};
  /** What it does when it hears SIGTERM; SIGKILL always ends it. */
  onTerm: (process: TestProcess) => void = process => process.end(0);
  #resolve: (status: ExitStatus) => void;
  #listeners: ((stream: LogStream, chunk: Uint8Array) => void)[] = [];
  isOver = false;

  constructor(options: ProcessOptions) {
    this.options = options;
    const { promise, resolve } = Promise.withResolvers<ExitStatus>();
    this.exited = promise;
    this.#resolve = resolve;
  }
  end(code: number, signal?: number): void {
    this.isOver = true;
    this.#resolve(signal === undefined ? { code } : { code, signal });
  }
  say(text: string, stream: LogStream = 'stdout'): void {
    for (const listener of this.#listeners) listener(stream, Buffer.from(text));
  }
  onOutput(listener: (stream: LogStream, chunk: Uint8Array) => void): () => void {
    this.#listeners.push(listener);
    return () => undefined;
  }
  signal(name: string): void {
    this.signals.push(name);
    if (name === 'SIGKILL') this.end(137, 9);
    else this.onTerm(this);
  }
  resize(): void {}
  async exec(options: ProcessOptions): Promise<RunningProcess> {
    this.executed.push(options.argv);
    const child = new TestProcess(options);
    child.end(this.answers[options.argv[0]!] ?? 0);
    return child;
  }
  terminationMessage(): string {
    return this.message;
  }
}

export class TestSandbox implements Sandbox {
  readonly netns: string;
  readonly lost: Promise<void>;
  readonly options: { hostName: string; hostNetwork: boolean };
  readonly machine: TestMachine;
  readonly files: Record<string, string> = {};
  isRemoved = false;
  lose: () => void;
  constructor(machine: TestMachine, pod: PodIdentity, options: { hostName: string; hostNetwork: boolean }) {
    this.machine = machine;
    this.netns = `/run/netns/${pod.name}`;
    this.options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.lost = promise;
    this.lose = resolve;
  }
  writeFiles(files: Readonly<Record<string, string>>): void {
    Object.assign(this.files, files);
  }
  async start(options: ContainerOptions): Promise<RunningContainer> {
    if (options.argv[0] === 'missing') throw new StartError('StartError', 'exec: "missing": executable file not found in $PATH');
    const process = new TestProcess(options);
    const runs = this.machine.runs[options.container] ?? [];
    this.machine.runs[options.container] = [...runs, process];
    this.machine.started.push(options.container);
    return process;
  }
  async connect(port: number): Promise<never> {
    return Readable.from([`port ${port}`]) as never;
  }
  async remove(): Promise<void> {
    this.isRemoved = true;
    for (const process of Object.values(this.machine.runs).flat()) if (!process.isOver) process.signal('SIGKILL');
  }
}

export class TestMachine implements Runtime, PodNetwork {
  readonly sandboxes: TestSandbox[] = [];
  /** Every run of a container, by its name. */
  readonly runs: Record<string, TestProcess[]> = {};
  readonly started: string[] = [];
  readonly attached = new Map<string, string>();
  /** What is amiss with ports, by number; not there: nothing. */
  readonly amiss = new Map<number, string>();
  readonly checked: string[] = [];
  failures: string[] = [];
  #address = 2;

  async createSandbox(pod: PodIdentity, options: { hostName: string; hostNetwork: boolean }): Promise<Sandbox> {
    const failure = this.failures.shift();
    if (failure !== undefined) throw new Error(failure);
    const sandbox = new TestSandbox(this, pod, options);
    this.sandboxes.push(sandbox);
    return sandbox;
  }
  async attach(pod: PodIdentity): Promise<{ address: string }> {
    const address = `10.244.1.${this.#address++}`;
    this.attached.set(pod.uid, address);
    return { address };
  }
  async detach(pod: PodIdentity): Promise<void> {
    this.attached.delete(pod.uid);
  }
  async checkHttp({ address, port, path }: { address: string; port: number; path: string }): Promise<string | undefined> {
    this.checked.push(`http://${address}:${port}${path}`);
    return this.amiss.get(port);
  }
  async checkTcp({ address, port }: { address: string; port: number }): Promise<string | undefined> {
    this.checked.push(`tcp ${address}:${port}`);
    return this.amiss.get(port);
  }
  last(container: string): TestProcess {
    return this.runs[container]!.at(-1)!;
  }
}

export class World {
  readonly timers = new TestTimers();
  readonly machine = new TestMachine();
  readonly store: Store;
  readonly kubelet: Kubelet;

  constructor() {
    this.store = newClusterStore({ clock: this.timers, random: new SeededRandom(1) });
    bootstrap(this.store);
    this.kubelet = new Kubelet({
      api: new StoreApi(this.store, 'node1'),
      runtime: this.machine,
      network: this.machine,
      images: imageTable({
        app: { kind: 'process', entrypoint: ['serve'], arguments: ['--all'], knowsPorts: true, note: 'a stand-in' },
        shell: { kind: 'process', entrypoint: [], arguments: ['sh'] },
      }),
      dns: { address: '10.96.0.10', domain: 'cluster.local', nodeResolvConf: 'nameserver 192.168.56.1\nsearch lan\n' },
      timers: this.timers,
      node: { name: 'node1', address: '192.168.56.11' },
    });
    this.kubelet.start();
  }

  async create(name: string, spec: object, metadata: object = {}): Promise<Pod> {
    const pod = this.store.create(Pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', ...metadata },
      spec: { nodeName: 'node1', ...spec } as NonNullable<Pod['spec']>,
    });
    await settled();
    return pod;
  }
  pod(name = 'pod'): Pod | undefined {
    return this.store.find(Pods, 'default', name);
  }
  container(name: string, pod = 'pod') {
    const { containerStatuses = [], initContainerStatuses = [] } = this.pod(pod)!.status!;
    return [...containerStatuses, ...initContainerStatuses].find(status => status.name === name)!;
  }
  condition(type: string, pod = 'pod'): string | undefined {
    return this.pod(pod)!.status!.conditions!.find(condition => condition.type === type)?.status;
  }
  events(pod = 'pod'): string[] {
    const { items } = this.store.list(Events, { namespace: 'default' });
    return items
      .filter(event => event.involvedObject.name === pod)
      .map(event => `${event.reason}: ${event.message}${event.count === 1 ? '' : ` (x${event.count})`}`);
  }
}

/** A container as most tests want it. */
export const app = (more: object = {}) => ({ name: 'app', image: 'app:v1', ...more });

export async function text(log: AsyncIterable<Buffer>): Promise<string> {
  let all = '';
  for await (const line of log) all += line;
  return all;
}

/**
 * A node's kubelet: runs the pods that are bound to its node, and lets the API server into them: logs, exec, attach, ports. One per node; it neither
 * knows how namespaces are made nor how the wires run (`runtime.ts`).
 */
import type { Pod } from '../cluster/schema/pod.ts';
import type { ContainerLog, LogOptions } from './container-log.ts';
import type { ContainerWorker } from './container-worker.ts';
import type { PodEvent } from './kubelet-api.ts';
import { type PodContext, PodWorker } from './pod-worker.ts';
import type { ProcessOptions, RunningContainer, RunningProcess } from './runtime.ts';

/** Something that was asked of a pod cannot be done; `code` is that of HTTP. */
export class PodRequestError extends Error {
  readonly code: 400 | 404 | 500;
  constructor(code: PodRequestError['code'], message: string) {
    super(message);
    this.code = code;
  }
}

export interface ContainerPlace {
  readonly namespace: string;
  readonly pod: string;
  /** Absent: the only one, or the first. */
  readonly container?: string;
}

export class Kubelet {
  readonly #context: PodContext;
  readonly #workers = new Map<string, PodWorker>();
  /** The end of each pod that is going, by uid. */
  readonly #going = new Map<string, Promise<void>>();
  #stop: () => void = () => {};

  constructor(context: PodContext) {
    this.#context = context;
  }

  start(): void {
    this.#stop = this.#context.api.followPods(this.#context.node.name, event => this.#see(event));
  }

  /** Hears of nothing more, and ends every pod at once. Their objects stay. */
  async stop(): Promise<void> {
    this.#stop();
    await Promise.all([...this.#workers.values()].map(worker => worker.stop(0)));
  }

  /** Pods whose sandbox stands, and where. */
  sandboxes(): { readonly namespace: string; readonly pod: string; readonly netns: string; readonly hostNetwork: boolean }[] {
    return [...this.#workers.values()].flatMap(({ id, sandbox, pod }) =>
      sandbox === undefined
        ? []
        : [{ namespace: id.namespace, pod: id.name, netns: sandbox.netns, hostNetwork: pod.spec?.hostNetwork === true }],
    );
  }

  /** @throws PodRequestError */
  log(
    place: ContainerPlace,
    options: LogOptions & { readonly previous?: boolean } = {},
    stop?: AbortSignal,
  ): AsyncGenerator<Buffer, void, void> {
    const worker = this.#container(place);
    const log: ContainerLog | undefined = worker.log(options.previous);
    if (log !== undefined) return log.read(options, stop);
    if (options.previous === true)
      throw new PodRequestError(400, `previous terminated container "${worker.name}" in pod "${place.pod}" not found`);
    const why = worker.status().state?.waiting?.reason ?? 'ContainerCreating';
    throw new PodRequestError(400, `container "${worker.name}" in pod "${place.pod}" is waiting to start: ${why}`);
  }

  /** A process beside those of the container. @throws PodRequestError, StartError */
  exec(place: ContainerPlace, options: ProcessOptions): Promise<RunningProcess> {
    return this.#running(place).exec(options);
  }

  /** The container's own process: what it writes from now on, and its standard input. @throws PodRequestError */
  attach(place: ContainerPlace): RunningContainer {
    return this.#running(place);
  }

  /** A connection to a port, made inside the pod. @throws PodRequestError */
  async connect(place: Omit<ContainerPlace, 'container'>, port: number): Promise<NodeJS.ReadWriteStream & { destroy(): void }> {
    const { sandbox } = this.#worker(place);
    if (sandbox === undefined) throw new PodRequestError(400, `pod "${place.pod}" is not running`);
    return sandbox.connect(port);
  }

  #see({ type, object }: PodEvent): void {
    const { uid = '', deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
    const worker = this.#workers.get(uid);
    if (type === 'DELETED') {
      if (worker !== undefined) this.#end(worker, 0);
    } else if (worker === undefined) this.#begin(object);
    else {
      worker.update(object);
      if (deletionTimestamp !== undefined) this.#end(worker, deletionGracePeriodSeconds * 1000);
    }
  }

  #begin(pod: Pod): void {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const { phase } = pod.status ?? {};
    // One that was here before this kubelet: nothing of it is left.
    if (deletionTimestamp !== undefined) this.#context.api.removePod(pod);
    else if (phase !== 'Succeeded' && phase !== 'Failed') {
      const worker = new PodWorker(pod, this.#context);
      const { namespace, name } = worker.id;
      const before = [...this.#workers.values()].filter(({ id }) => id.namespace === namespace && id.name === name);
      this.#workers.set(uid, worker);
      worker.start(Promise.all(before.map(({ id }) => this.#going.get(id.uid))).then(() => undefined));
    }
  }

  #end(worker: PodWorker, graceMs: number): void {
    const { uid } = worker.id;
    const ended = worker.stop(graceMs);
    if (this.#going.has(uid)) return;
    this.#going.set(
      uid,
      ended.then(() => {
        this.#workers.delete(uid);
        this.#going.delete(uid);
        this.#context.api.removePod(worker.pod);
      }),
    );
  }

  #worker({ namespace, pod }: Omit<ContainerPlace, 'container'>): PodWorker {
    // the newest of this name
    const found = [...this.#workers.values()].findLast(({ id }) => id.namespace === namespace && id.name === pod);
    if (found !== undefined) return found;
    throw new PodRequestError(404, `pod "${pod}" not found on node ${this.#context.node.name}`);
  }

  #container(place: ContainerPlace): ContainerWorker {
    const worker = this.#worker(place);
    const name = place.container ?? worker.pod.spec?.containers?.[0]?.name ?? '';
    const found = worker.container(name);
    if (found === undefined) throw new PodRequestError(400, `container ${name} is not valid for pod ${place.pod}`);
    return found;
  }

  #running(place: ContainerPlace): RunningContainer {
    const { running, name } = this.#container(place);
    if (running === undefined) throw new PodRequestError(400, `container not found ("${name}")`);
    return running;
  }
}

/**
 * One pod on its node, from its first sight to its end: sandbox, address, init containers, containers; ended with grace when it is deleted; its status
 * written at each change (k/k `pkg/kubelet/pod_workers.go`, `kuberuntime`).
 */

import type { Timers } from '../base/timers.ts';
import type { ContainerSpec, Pod } from '../cluster/schema/pod.ts';
import { startContainer } from './container-start.ts';
import type { ContainerContext, RestartPolicy } from './container-worker.ts';
import { ContainerWorker } from './container-worker.ts';
import type { ImageTable } from './images.ts';
import type { Happening, KubeletApi } from './kubelet-api.ts';
import { runHook } from './lifecycle.ts';
import type { DnsSettings } from './pod-files.ts';
import { hostName, hostsFile, resolvConf } from './pod-files.ts';
import { podStatus } from './pod-status.ts';
import { checkOf } from './probe.ts';
import type { PodIdentity, PodNetwork, Runtime, Sandbox } from './runtime.ts';

export interface PodContext {
  readonly api: KubeletApi;
  readonly runtime: Runtime;
  readonly network: PodNetwork;
  readonly images: ImageTable;
  readonly dns: DnsSettings;
  readonly timers: Timers;
  readonly node: { readonly name: string; readonly address: string };
}

const SANDBOX_RETRY_MS = { first: 1000, most: 30_000 } as const;

export class PodWorker {
  readonly id: PodIdentity;
  readonly #context: PodContext;
  readonly #startMs: number;
  #init: ContainerWorker[];
  readonly #containers: ContainerWorker[];
  readonly #sidecars: ReadonlySet<string>;
  #pod: Pod;
  #sandbox: Sandbox | undefined;
  /** The sandbox stands, with its network and files. */
  #isOpen = false;
  /** The init containers have done their part in this sandbox. */
  #isInitialized = false;
  #podIp = '';
  #over = false;
  #failure: { reason: string; message: string } | undefined;
  #statusDue = false;
  #stopping = false;
  #wake: () => void = () => {};
  #life: Promise<void> | undefined;
  #cancelDeadline: () => void = () => {};

  constructor(pod: Pod, context: PodContext) {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    this.id = { namespace, name, uid };
    this.#pod = pod;
    this.#context = context;
    this.#startMs = context.timers.nowMs();
    const { containers = [], initContainers = [], restartPolicy = 'Always' } = pod.spec ?? {};
    this.#sidecars = new Set(initContainers.filter(isSidecar).map(spec => spec.name));
    const waiting = initContainers.length > 0 ? 'PodInitializing' : 'ContainerCreating';
    this.#init = initContainers.map(spec => this.#initWorker(spec));
    this.#containers = containers.map(spec => this.#worker(spec, restartPolicy, waiting, () => this.#isInitialized));
  }

  get pod(): Pod {
    return this.#pod;
  }
  get sandbox(): Sandbox | undefined {
    return this.#sandbox;
  }
  container(name: string): ContainerWorker | undefined {
    return [...this.#containers, ...this.#init].find(worker => worker.name === name);
  }

  /** Begins. @param before what must have ended first: another pod of this name */
  start(before: Promise<void> | undefined): void {
    this.#life ??= this.#live(before);
  }

  /** The pod as it is now. */
  update(pod: Pod): void {
    // What was written here comes back later, and may have been written over since.
    if (Number(pod.metadata.resourceVersion) < Number(this.#pod.metadata.resourceVersion)) return;
    this.#pod = pod;
    for (const spec of [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]) this.container(spec.name)?.replace(spec);
  }

  /** Ends it, and resolves when nothing of it is left. May be called again with less grace. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#cancelDeadline();
    this.#wake();
    this.#look();
    const mainMs = this.#context.timers.nowMs();
    await Promise.all(this.#containers.map(worker => worker.stop(graceMs)));
    const leftMs = Math.max(0, graceMs - (this.#context.timers.nowMs() - mainMs));
    // Sidecars are there until those that need them are gone, the last one first.
    for (const worker of [...this.#init].reverse()) await worker.stop(leftMs);
    await this.#life;
    await this.#removeSandbox();
    this.#over = true;
    this.#writeStatus();
  }

  #initWorker(spec: ContainerSpec): ContainerWorker {
    return this.#worker(spec, initPolicy(spec, this.#pod.spec?.restartPolicy ?? 'Always'), 'PodInitializing', () => true);
  }

  /** @param mayStart is it its turn? */
  #worker(spec: ContainerSpec, policy: RestartPolicy, waiting: string, mayStart: () => boolean): ContainerWorker {
    const { timers, runtime } = this.#context;
    const context: ContainerContext = {
      timers,
      podName: `${this.id.namespace}/${this.id.name}`,
      graceMs: (this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000,
      start: async current => {
        // while the sandbox is made again there is nothing to start in
        await this.#until(() => this.#isOpen && mayStart());
        return startContainer(current, this.#pod, this.#sandbox, this.#podIp, this.#context);
      },
      check: (current, kind, running) => {
        const probe = current[`${kind}Probe`];
        return probe === undefined ? undefined : checkOf(probe, current, this.#podIp, running, runtime);
      },
      hook: (current, moment, running) => runHook(current, moment, this.#podIp, running, this.#context),
      tell: happening => this.#tell(happening),
      changed: () => this.#writeStatusSoon(),
    };
    return new ContainerWorker(spec, policy, context, waiting);
  }

  async #live(before: Promise<void> | undefined): Promise<void> {
    await before;
    this.#writeStatus();
    this.#watchDeadline();
    while (!this.#stopping) {
      const sandbox = await this.#makeSandbox();
      if (sandbox === undefined) break;
      const lost = await Promise.race([sandbox.lost.then(() => true), this.#runContainers().then(() => false)]);
      if (!lost || this.#stopping) break;
      this.#tell({ type: 'Normal', reason: 'SandboxChanged', message: 'Pod sandbox changed, it will be killed and re-created.' });
      await this.#removeSandbox();
      // In a new sandbox all begins anew: those that were done before are made again.
      this.#init = this.#init.map(worker => (worker.finished === undefined ? worker : this.#initWorker(worker.spec)));
    }
    if (!this.#stopping && this.#failure === undefined) await this.#removeSandbox();
    this.#writeStatusSoon();
  }

  /** Init containers one after another, then all others beside each other. Resolves when none of them runs, nor will. */
  async #runContainers(): Promise<void> {
    const sandbox = this.#sandbox;
    const isOver = (): boolean => this.#stopping || this.#sandbox !== sandbox;
    const sidecars: Promise<void>[] = [];
    for (const worker of this.#init) {
      if (isOver()) return;
      if (this.#sidecars.has(worker.name)) {
        sidecars.push(worker.run());
        await this.#until(() => worker.hasStarted || worker.finished !== undefined);
      } else {
        await worker.run();
        if (worker.finished !== 0) return;
      }
    }
    if (isOver()) return;
    this.#isInitialized = true;
    this.#look();
    await Promise.all(this.#containers.map(worker => worker.run()));
    if (isOver()) return;
    for (const worker of [...this.#init].reverse()) await worker.stop(0);
    await Promise.all(sidecars);
  }

  /** Tried until it is there. @returns undefined when it is no longer wished for */
  async #makeSandbox(): Promise<Sandbox | undefined> {
    for (let delayMs: number = SANDBOX_RETRY_MS.first; !this.#stopping; delayMs = Math.min(2 * delayMs, SANDBOX_RETRY_MS.most)) {
      try {
        await this.#openSandbox();
        return this.#sandbox;
      } catch (error) {
        const message = `Failed to create pod sandbox: ${(error as Error).message}`;
        this.#tell({ type: 'Warning', reason: 'FailedCreatePodSandBox', message });
        await this.#removeSandbox();
      }
      await this.#pause(delayMs);
    }
    return undefined;
  }

  async #openSandbox(): Promise<void> {
    const { runtime, network, dns, node } = this.#context;
    const hostNetwork = this.#pod.spec?.hostNetwork === true;
    this.#sandbox = await runtime.createSandbox(this.id, { hostName: hostNetwork ? node.name : hostName(this.#pod), hostNetwork });
    this.#podIp = hostNetwork ? node.address : (await network.attach(this.id, this.#sandbox.netns)).address;
    this.#sandbox.writeFiles({ hosts: hostsFile(this.#pod, this.#podIp, dns.domain), 'resolv.conf': resolvConf(this.#pod, dns) });
    this.#isOpen = true;
    this.#writeStatusSoon();
  }

  async #removeSandbox(): Promise<void> {
    const sandbox = this.#sandbox;
    this.#sandbox = undefined;
    this.#isOpen = false;
    this.#isInitialized = false;
    await sandbox?.remove();
    if (this.#pod.spec?.hostNetwork !== true) await this.#context.network.detach(this.id);
  }

  #watchDeadline(): void {
    const seconds = this.#pod.spec?.activeDeadlineSeconds;
    if (seconds === undefined) return;
    this.#cancelDeadline = this.#context.timers.after(seconds * 1000, () => {
      this.#failure = { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' };
      this.#tell({ type: 'Normal', reason: 'DeadlineExceeded', message: this.#failure.message });
      void this.stop((this.#pod.spec?.terminationGracePeriodSeconds ?? 30) * 1000);
    });
  }

  #until(holds: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const look = (): void => {
        if (holds() || this.#stopping) resolve();
        else this.#waiting.push(look);
      };
      look();
    });
  }
  readonly #waiting: (() => void)[] = [];
  /** Who waits for something looks again. */
  #look(): void {
    for (const look of this.#waiting.splice(0)) look();
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#context.timers.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #tell(happening: Happening): void {
    this.#context.api.tell(this.#pod, happening);
  }

  /** Several changes of one moment are written once. */
  #writeStatusSoon(): void {
    this.#look();
    if (this.#statusDue) return;
    this.#statusDue = true;
    queueMicrotask(() => this.#writeStatus());
  }

  #writeStatus(): void {
    this.#statusDue = false;
    const status = podStatus({
      pod: this.#pod,
      nowMs: this.#context.timers.nowMs(),
      startMs: this.#startMs,
      podIp: this.#podIp,
      hostIp: this.#context.node.address,
      init: this.#init.map(worker => worker.status()),
      containers: this.#containers.map(worker => worker.status()),
      sidecars: this.#sidecars,
      over: this.#over,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    });
    this.#pod = this.#context.api.updateStatus(this.#pod, status);
  }
}

const isSidecar = (spec: ContainerSpec): boolean => spec.restartPolicy === 'Always';
/** An init container of a pod that always goes on is tried again, but does not begin anew when it is done. */
const initPolicy = (spec: ContainerSpec, policy: RestartPolicy): RestartPolicy =>
  isSidecar(spec) ? 'Always' : policy === 'Always' ? 'OnFailure' : policy;

/**
 * One container of a pod: started, looked at, started again as its policy says, ended with grace. It says what it is by `status`, and tells its pod
 * of every change.
 */

import type { Timers } from '../base/timers.ts';
import type { ContainerSpec, ContainerStatusOf } from '../cluster/schema/pod.ts';
import { BackOff, durationText } from './back-off.ts';
import { ContainerLog } from './container-log.ts';
import { type ContainerState, type Ended, stateShown } from './container-state.ts';
import { ConfigError } from './environment.ts';
import type { Happening } from './kubelet-api.ts';
import { Probe, type ProbeKind, probeKinds } from './probe.ts';
import { type RunningContainer, StartError } from './runtime.ts';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export interface ContainerContext {
  readonly timers: Timers;
  /** `default/web` */
  readonly podName: string;
  /** From SIGTERM to SIGKILL, when it is not the pod that ends. */
  readonly graceMs: number;
  /** @throws ConfigError, ImageError, StartError */
  start(spec: ContainerSpec): Promise<RunningContainer>;
  /** How a probe looks at it. */
  check(spec: ContainerSpec, kind: ProbeKind, running: RunningContainer): (() => Promise<string | undefined>) | undefined;
  /** What `lifecycle` asks for. Resolves with what was amiss. */
  hook(spec: ContainerSpec, moment: 'postStart' | 'preStop', running: RunningContainer): Promise<string | undefined>;
  tell(happening: Happening): void;
  changed(): void;
}

/** The image is not there. */
export class ImageError extends Error {}

const CONFIG_RETRY_MS = 10_000;
const LAST_WORDS = { lines: 80, bytes: 2048 } as const;

export class ContainerWorker {
  readonly name: string;
  readonly #context: ContainerContext;
  readonly #policy: RestartPolicy;
  readonly #restarts = new BackOff();
  readonly #pulls = new BackOff();
  #spec: ContainerSpec;
  #state: ContainerState;
  #last: Ended | undefined;
  #restartCount = 0;
  #runs = 0;
  #log: ContainerLog | undefined;
  #previousLog: ContainerLog | undefined;
  #running: RunningContainer | undefined;
  /** The run that was asked to end. */
  #ending: RunningContainer | undefined;
  #probes: Partial<Record<ProbeKind, Probe>> = {};
  #isStarted = false;
  #isReady = false;
  #stopping = false;
  #wake: () => void = () => {};
  #life: Promise<void> | undefined;

  constructor(spec: ContainerSpec, policy: RestartPolicy, context: ContainerContext, waiting = 'ContainerCreating') {
    this.name = spec.name;
    this.#spec = spec;
    this.#policy = policy;
    this.#context = context;
    this.#state = { kind: 'waiting', reason: waiting };
  }

  get running(): RunningContainer | undefined {
    return this.#running;
  }
  get hasStarted(): boolean {
    return this.#isStarted;
  }
  get spec(): ContainerSpec {
    return this.#spec;
  }
  /** Exit code of a container that is not started again; undefined while it may run. */
  get finished(): number | undefined {
    return this.#state.kind === 'ended' ? this.#state.exit.code : undefined;
  }
  log(previous = false): ContainerLog | undefined {
    return previous ? this.#previousLog : this.#log;
  }

  /** Runs it until it is finished or stopped. */
  run(): Promise<void> {
    this.#life ??= this.#live();
    return this.#life;
  }

  /** With another image: ends it, and it is started anew. */
  replace(spec: ContainerSpec): void {
    if (spec.image === this.#spec.image) return;
    this.#spec = spec;
    if (this.#running === undefined) this.#wake();
    else void this.#end(`Container ${this.name} definition changed, will be restarted`);
  }

  /** For good. Whether it is ready is still looked at while it has grace. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#wake();
    if (this.#running !== undefined) await this.#end(`Stopping container ${this.name}`, graceMs);
    await this.#life;
    if (this.#state.kind === 'waiting' && this.#last !== undefined) this.#become(this.#last);
  }

  status(): ContainerStatusOf {
    const image = this.#spec.image ?? '';
    const id = this.#runs === 0 ? {} : { containerID: this.#id() };
    return {
      name: this.name,
      state: stateShown(this.#state, this.#id()),
      lastState: this.#last === undefined || this.#state === this.#last ? {} : stateShown(this.#last, this.#id()),
      ready: this.#isReady,
      restartCount: this.#restartCount,
      image,
      imageID: this.#runs === 0 ? '' : `kubehop://${image}`,
      ...id,
      started: this.#isStarted,
    };
  }

  #id(): string {
    return `kubehop://${this.#context.podName}/${this.name}/${this.#runs}`;
  }

  async #live(): Promise<void> {
    while (!this.#stopping) {
      const running = await this.#start();
      if (running === 'never') return;
      if (running === 'later') continue;
      const startedMs = this.#context.timers.nowMs();
      await this.#watch(running, startedMs);
      if (this.#stopping || !this.#isToRestart()) return;
      const delayMs = this.#restarts.next(this.#context.timers.nowMs() - startedMs);
      if (delayMs > 0) await this.#backOff('CrashLoopBackOff', 'restarting failed container', delayMs, 'restarting failed container');
      if (!this.#stopping) this.#restartCount++;
    }
  }

  #isToRestart(): boolean {
    if (this.#policy === 'Always' || this.#state.kind !== 'ended') return true;
    return this.#policy === 'OnFailure' && this.#state.exit.code !== 0;
  }

  /** @returns `later` when it could not be started, and has waited; `never` when it is not tried again */
  async #start(): Promise<RunningContainer | 'later' | 'never'> {
    const { timers, tell } = this.#context;
    const log = new ContainerLog(timers.nowMs);
    try {
      const running = await this.#context.start(this.#spec);
      running.onOutput((stream, chunk) => log.write(stream, chunk));
      void running.exited.then(() => log.close());
      this.#previousLog = this.#log;
      this.#log = log;
      this.#runs++;
      return running;
    } catch (error) {
      const { message } = error as Error;
      if (this.#stopping) return 'never';
      if (error instanceof ImageError) {
        tell({
          type: 'Warning',
          reason: 'Failed',
          message: `Failed to pull image "${this.#spec.image}": ${message}`,
          container: this.name,
        });
        this.#become({ kind: 'waiting', reason: 'ErrImagePull', message });
        const delayMs = this.#pulls.next(0) || CONFIG_RETRY_MS;
        await this.#backOff(
          'ImagePullBackOff',
          `pulling image "${this.#spec.image}"`,
          delayMs,
          `pulling image "${this.#spec.image}": ${message}`,
        );
      } else if (error instanceof ConfigError) {
        tell({ type: 'Warning', reason: 'Failed', message: `Error: ${message}`, container: this.name });
        this.#become({ kind: 'waiting', reason: 'CreateContainerConfigError', message });
        await this.#pause(CONFIG_RETRY_MS);
      } else {
        const reason = error instanceof StartError ? error.reason : 'CreateContainerError';
        tell({ type: 'Warning', reason: 'Failed', message: `Error: ${message}`, container: this.name });
        return this.#notStarted(reason, message);
      }
      return 'later';
    }
  }

  /** A program that is not there counts as one that ended. */
  async #notStarted(reason: string, message: string): Promise<'later' | 'never'> {
    const nowMs = this.#context.timers.nowMs();
    const ended: Ended = { kind: 'ended', startedMs: nowMs, endedMs: nowMs, exit: { code: 128 }, reason, message };
    this.#runs++;
    this.#last = ended;
    if (this.#policy === 'Never') {
      this.#become(ended);
      return 'never';
    }
    this.#become({ kind: 'waiting', reason: 'RunContainerError', message });
    const delayMs = this.#restarts.next(0);
    if (delayMs > 0) await this.#backOff('CrashLoopBackOff', 'restarting failed container', delayMs, 'restarting failed container');
    if (!this.#stopping) this.#restartCount++;
    return 'later';
  }

  /** From its start to its end. */
  async #watch(running: RunningContainer, startedMs: number): Promise<void> {
    const { timers, tell } = this.#context;
    this.#running = running;
    tell({ type: 'Normal', reason: 'Created', message: `Created container: ${this.name}`, container: this.name });
    tell({ type: 'Normal', reason: 'Started', message: `Started container ${this.name}`, container: this.name });
    this.#isStarted = this.#spec.startupProbe === undefined;
    this.#isReady = this.#isStarted && this.#spec.readinessProbe === undefined;
    this.#become({ kind: 'running', startedMs });
    if (this.#stopping) void this.#end(`Stopping container ${this.name}`, 0);
    else void this.#begin(running);
    const exit = await running.exited;
    for (const kind of probeKinds) this.#probes[kind]?.stop();
    this.#probes = {};
    this.#running = undefined;
    this.#isStarted = false;
    this.#isReady = false;
    const failed = exit.code !== 0;
    const fromFile = running.terminationMessage();
    const fromLog = failed && this.#spec.terminationMessagePolicy === 'FallbackToLogsOnError';
    const message = fromFile === '' && fromLog ? (this.#log?.tail(LAST_WORDS.lines, LAST_WORDS.bytes) ?? '') : fromFile;
    const reason = failed ? 'Error' : 'Completed';
    const ended: Ended = { kind: 'ended', startedMs, endedMs: timers.nowMs(), exit, reason, message };
    this.#last = ended;
    this.#become(ended);
  }

  /** The hook after the start, then the looks. */
  async #begin(running: RunningContainer): Promise<void> {
    if (this.#spec.lifecycle?.postStart !== undefined) {
      const amiss = await this.#context.hook(this.#spec, 'postStart', running);
      if (amiss !== undefined && this.#running === running) {
        this.#context.tell({
          type: 'Warning',
          reason: 'FailedPostStartHook',
          message: `PostStartHook failed: ${amiss}`,
          container: this.name,
        });
        await this.#end('FailedPostStartHook');
        return;
      }
    }
    if (this.#running !== running || this.#stopping) return;
    if (this.#spec.startupProbe !== undefined) this.#look('startup', running);
    else this.#lookOn(running);
  }

  #lookOn(running: RunningContainer): void {
    this.#look('liveness', running);
    this.#look('readiness', running);
  }

  #look(kind: ProbeKind, running: RunningContainer): void {
    const spec = this.#spec[`${kind}Probe`];
    const check = this.#context.check(this.#spec, kind, running);
    if (spec === undefined || check === undefined) return;
    const title = `${kind[0]!.toUpperCase()}${kind.slice(1)}`;
    this.#probes[kind] = new Probe({
      spec,
      check,
      timers: this.#context.timers,
      onFailure: message =>
        this.#context.tell({ type: 'Warning', reason: 'Unhealthy', message: `${title} probe failed: ${message}`, container: this.name }),
      onOutcome: well => {
        if (kind === 'readiness') this.#isReady = well;
        else if (!well) return void this.#end(`Container ${this.name} failed ${kind} probe, will be restarted`);
        else if (kind === 'startup') {
          this.#probes.startup?.stop();
          this.#isStarted = true;
          this.#isReady = this.#spec.readinessProbe === undefined;
          this.#lookOn(running);
        }
        this.#context.changed();
      },
    });
  }

  /** Hook, SIGTERM, and SIGKILL when its grace is over. Asked again: the shorter grace counts. */
  async #end(why: string, graceMs = this.#context.graceMs): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    const isFirst = this.#ending !== running;
    this.#ending = running;
    this.#probes.liveness?.stop();
    this.#probes.startup?.stop();
    if (isFirst) this.#context.tell({ type: 'Normal', reason: 'Killing', message: why, container: this.name });
    if (graceMs <= 0) running.signal('SIGKILL');
    else {
      const late = this.#context.timers.after(graceMs, () => running.signal('SIGKILL'));
      if (isFirst) await this.#farewell(running, graceMs);
      void running.exited.then(late);
    }
    await running.exited;
  }

  async #farewell(running: RunningContainer, graceMs: number): Promise<void> {
    const { timers, tell, hook } = this.#context;
    const untilMs = timers.nowMs() + graceMs;
    if (this.#spec.lifecycle?.preStop !== undefined) {
      const amiss = await hook(this.#spec, 'preStop', running);
      if (amiss !== undefined)
        tell({ type: 'Warning', reason: 'FailedPreStopHook', message: `PreStopHook failed: ${amiss}`, container: this.name });
    }
    if (timers.nowMs() < untilMs) running.signal(this.#spec.lifecycle?.stopSignal ?? 'SIGTERM');
  }

  async #backOff(reason: string, what: string, delayMs: number, shown: string): Promise<void> {
    if (this.#stopping) return;
    const message = `Back-off ${shown} for ${durationText(delayMs)}: container=${this.name} pod=${this.#context.podName}`;
    this.#context.tell({
      type: 'Warning',
      reason: 'BackOff',
      message: `Back-off ${what} ${this.name} in pod ${this.#context.podName}`,
      container: this.name,
    });
    this.#become({ kind: 'waiting', reason, message });
    await this.#pause(delayMs);
  }

  /** Ends early when it is stopped, or its image has changed. */
  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      if (this.#stopping) return resolve();
      const cancel = this.#context.timers.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #become(state: ContainerState): void {
    this.#state = state;
    this.#context.changed();
  }
}

/** A look at a container again and again (k/k `pkg/kubelet/prober/worker.go`). */

import type { Timers } from '../base/timers.ts';
import type { ContainerSpec } from '../cluster/schema/pod.ts';
import type { RunningContainer, Runtime } from './runtime.ts';

export type ProbeSpec = NonNullable<ContainerSpec['livenessProbe']>;
export const probeKinds = ['startup', 'liveness', 'readiness'] as const;
export type ProbeKind = (typeof probeKinds)[number];

/** @returns undefined when it is well, else what was amiss. Never rejects. */
export type Check = () => Promise<string | undefined>;

export interface ProbeOptions {
  readonly spec: ProbeSpec;
  readonly check: Check;
  readonly timers: Timers;
  /** The outcome, after so many in a row. Told when it is new; a failure of the first looks as well. */
  readonly onOutcome: (well: boolean, message: string) => void;
  /** Each look that fails. */
  readonly onFailure: (message: string) => void;
}

export class Probe {
  readonly #options: ProbeOptions;
  #cancel: () => void = () => {};
  #stopped = false;
  #outcome: boolean | undefined;
  #last: boolean | undefined;
  #inARow = 0;

  /** Starts at once. */
  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#wait((options.spec.initialDelaySeconds ?? 0) * 1000);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #wait(ms: number): void {
    this.#cancel = this.#options.timers.after(ms, () => void this.#look());
  }

  async #look(): Promise<void> {
    const { spec, check, timers, onFailure } = this.#options;
    const startedMs = timers.nowMs();
    const amiss = await check();
    if (this.#stopped) return;
    if (amiss !== undefined) onFailure(amiss);
    this.#count(amiss === undefined, amiss ?? '');
    // The period is from look to look: one that takes long is followed at once.
    if (!this.#stopped) this.#wait(Math.max(0, (spec.periodSeconds ?? 10) * 1000 - (timers.nowMs() - startedMs)));
  }

  #count(well: boolean, message: string): void {
    const { spec, onOutcome } = this.#options;
    this.#inARow = well === this.#last ? this.#inARow + 1 : 1;
    this.#last = well;
    const needed = well ? (spec.successThreshold ?? 1) : (spec.failureThreshold ?? 3);
    if (this.#inARow < needed || this.#outcome === well) return;
    this.#outcome = well;
    onOutcome(well, message);
  }
}

/** @param podIp of the pod: where it listens unless the probe says otherwise */
export function checkOf(spec: ProbeSpec, container: ContainerSpec, podIp: string, running: RunningContainer, runtime: Runtime): Check {
  const timeoutMs = Math.max(1, spec.timeoutSeconds ?? 1) * 1000;
  const { exec, httpGet, tcpSocket } = spec;
  if (exec !== undefined) return () => checkExec(exec.command ?? [], running, timeoutMs);
  if (httpGet === undefined && tcpSocket === undefined) return async () => 'gRPC probes are not known here: use httpGet, tcpSocket or exec';
  const port = portOf(httpGet?.port ?? tcpSocket?.port, container);
  if (port === undefined) return async () => `couldn't find port: ${httpGet?.port ?? tcpSocket?.port} in container ${container.name}`;
  if (httpGet !== undefined) {
    const { host = '', path = '/', scheme, httpHeaders = [] } = httpGet;
    const headers = Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value]));
    return () => runtime.checkHttp({ address: host || podIp, port, path, https: scheme === 'HTTPS', headers, timeoutMs });
  }
  return () => runtime.checkTcp({ address: tcpSocket?.host || podIp, port, timeoutMs });
}

/** A number, or the name of one of the container's ports. */
export const portOf = (port: number | string | undefined, container: ContainerSpec): number | undefined =>
  typeof port === 'number' ? port : container.ports?.find(({ name }) => name === port)?.containerPort;

const MOST_WORDS = 1024;

async function checkExec(argv: readonly string[], running: RunningContainer, timeoutMs: number): Promise<string | undefined> {
  try {
    const child = await running.exec({ argv, environment: {}, stdin: false, tty: false });
    let said = '';
    child.onOutput((_, chunk) => {
      if (said.length < MOST_WORDS) said += Buffer.from(chunk).toString();
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.signal('SIGKILL');
    }, timeoutMs);
    const { code } = await child.exited;
    clearTimeout(timer);
    if (late) return `command "${argv.join(' ')}" timed out`;
    return code === 0 ? undefined : said.trim() || `command "${argv.join(' ')}" ended with exit code ${code}`;
  } catch (error) {
    return (error as Error).message;
  }
}

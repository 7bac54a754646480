/** `kubehop router run` as people run it: a process of its own in the node's namespace, spoken to by its control socket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { LabError } from '../../base/errors.ts';
import { runtimeRoot } from '../../lab/daemon/directories.ts';
import { askControl, type ControlRequest, controlPath } from '../../node/control.ts';
import type { RouterDescriptionInput } from '../../node/description.ts';
import type { NodeCounters } from '../../node/protocol.ts';
import { inNetns } from '../shell.ts';
import type { CpuTime } from './plane.ts';

const KUBEHOP = fileURLToPath(new URL('../../../bin/kubehop', import.meta.url));
const STARTS_WITHIN_MS = 60_000;
const ENDS_WITHIN_MS = 10_000;
/** USER_HZ: the unit of /proc/PID/stat on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface RouterOptions {
  /** Processors it may run on, as taskset(1) writes them. */
  readonly processors?: string;
  /** Where its processor profile goes. */
  readonly profile?: string | null;
}

export class RouterProcess {
  readonly #child: ChildProcess;
  readonly #said: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @throws LabError DAEMON with the router's own words */
  static async start(
    namespace: string,
    description: RouterDescriptionInput,
    rules: string,
    { processors, profile }: RouterOptions = {},
  ): Promise<RouterProcess> {
    const file = join('/run', `${namespace}.yaml`);
    writeFileSync(join('/run', `${namespace}.rules`), rules);
    writeFileSync(file, stringify({ ...description, rules: `${namespace}.rules` }));
    const [tool, ...rest] = inNetns(namespace, [
      ...(processors === undefined ? [] : ['taskset', '-c', processors]),
      KUBEHOP,
      ...['router', 'run', file],
    ]);
    const options = profile ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` } : {};
    const child = spawn(tool!, rest, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...options } });
    const router = new RouterProcess(child);
    await router.#running();
    return router;
  }

  #running(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(
      () => reject(new LabError('DAEMON', `the router did not start within ${STARTS_WITHIN_MS} ms`)),
      STARTS_WITHIN_MS,
    );
    createInterface({ input: this.#child.stderr! }).on('line', line => {
      this.#said.push(line);
      if (line.startsWith('router ')) resolve();
    });
    this.#child.once('close', code => reject(new LabError('DAEMON', `the router ended (${code}): ${this.#said.slice(0, 8).join('; ')}`)));
    return promise.finally(() => clearTimeout(late));
  }

  async ask(request: ControlRequest): Promise<string> {
    const { stdout, stderr, status } = await askControl(controlPath(runtimeRoot(), this.#child.pid!), request);
    // conntrack: nothing to delete is told by the status.
    if (status > 1) throw new LabError('DAEMON', `router: ${request.command} ${request.args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }

  async counters(): Promise<NodeCounters> {
    return JSON.parse(await this.ask({ command: 'counters', args: [] })) as NodeCounters;
  }

  cpu(): CpuTime {
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'latin1');
    // The name, in parentheses, may hold blanks; user and system time are fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { user: Number(fields[11]) / TICKS_PER_SECOND, system: Number(fields[12]) / TICKS_PER_SECOND };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), ENDS_WITHIN_MS);
    await gone;
    clearTimeout(late);
  }
}

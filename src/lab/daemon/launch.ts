/**
 * The host's side of a lab's life: put a daemon into namespaces of its own, reach it, end it.
 *
 *     command line                 host
 *       unshare                    waits for its child and dies with it; its death kills the child (--kill-child)
 *         init.sh                  PID 1 of the lab, in its own user (when not root), mount, network and PID namespaces
 *           main.ts                the daemon
 *           pods, curl, ip, ...    born in the lab's PID namespace: none outlives PID 1
 */
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../base/errors.ts';
import { DaemonClient, wordsOf } from './client.ts';
import {
  childrenOf,
  type Instance,
  makeInstanceDirectory,
  runningInstances,
  runtimeRoot,
  startTimeOf,
  writeInstance,
} from './directories.ts';
import { type DaemonOptions, LOG_NAME } from './protocol.ts';

const INIT = fileURLToPath(new URL('init.sh', import.meta.url));
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
/** KUBEHOP_READY_SECONDS: for a machine so slow that no lab would start, such as an emulated processor. */
const READY_WITHIN_MS = 1000 * Number(process.env.KUBEHOP_READY_SECONDS ?? 20);
const GONE_WITHIN_MS = 10_000;

export interface Launched {
  readonly instance: Instance;
  readonly client: DaemonClient;
}

/** @throws LabError BAD_INPUT when this lab is up, NETNS_EPERM, TUN_MISSING, TOOL_MISSING, DAEMON */
export async function launch(options: DaemonOptions): Promise<Launched> {
  if (Object.values(options.planes).includes('userspace')) checkTun();
  runningInstances(); // removes what a killed daemon has left
  const directory = join(runtimeRoot(), options.transient ? `${options.lab}.${process.pid}` : options.lab);
  if (!makeInstanceDirectory(directory))
    throw new LabError('BAD_INPUT', `lab ${options.lab} is up: \`kubehop lab down ${options.lab}\` ends it`);
  const log = openSync(join(directory, LOG_NAME), 'w', 0o600);
  const api = options.api ? await listenForApi() : undefined;
  const stdio: StdioOptions = [
    'ignore',
    'pipe',
    log,
    ...(api === undefined ? [] : [(api as unknown as { _handle: { fd: number } })._handle.fd]),
  ];
  const child = spawn('unshare', unshareArguments(options), { cwd: directory, detached: true, stdio });
  closeSync(log);
  api?.close(); // the daemon has it now
  try {
    const pid = await started(child);
    const instance = {
      directory,
      pid,
      startTime: startTimeOf(pid) ?? '',
      lab: options.lab,
      planes: options.planes,
      ...(options.network === undefined ? {} : { network: options.network }),
      seed: options.seed,
      lasting: !options.transient,
    };
    writeInstance(instance);
    await ready(child, directory);
    const client = await DaemonClient.connect(directory);
    child.unref();
    (child.stdout as unknown as { unref(): void }).unref();
    return { instance, client };
  } catch (error) {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** On the host's loopback, where the user's kubectl is: the daemon's own loopback is another one. A free port, kept open for the daemon. */
function listenForApi(): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function unshareArguments(options: DaemonOptions): string[] {
  const user = process.getuid!() === 0 ? [] : ['--user', '--map-root-user'];
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, JSON.stringify(options)];
  return [...user, '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--', 'sh', INIT, ...node];
}

/** @throws LabError TUN_MISSING */
export function checkTun(device = '/dev/net/tun'): void {
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new LabError('TUN_MISSING', `cannot open ${device}: ${code}: a userspace node needs it; \`--on kernel\` does not`, { cause });
  }
}

const started = (child: ChildProcess): Promise<number> =>
  new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child.pid!));
    child.once('error', cause => reject(new LabError('TOOL_MISSING', `cannot run unshare: ${cause.message}`, { cause })));
  });

/** The daemon writes one line when it listens. @throws LabError NETNS_EPERM, DAEMON with what its log says when it ends before */
export function ready(child: ChildProcess, directory: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new LabError('DAEMON', `the lab did not start within ${READY_WITHIN_MS} ms`)), READY_WITHIN_MS);
    const onExit = (code: number | null, signal: NodeJS.Signals | null): void => {
      clearTimeout(timer);
      reject(startFailure(readFileSync(join(directory, LOG_NAME), 'utf8'), signal ?? `exit ${code}`));
    };
    child.stdout!.once('data', () => {
      clearTimeout(timer);
      child.off('exit', onExit); // it ends with its directory, and nobody is to look there then
      resolve();
    });
    child.once('exit', onExit);
  });
}

function startFailure(log: string, how: string): LabError {
  const said = wordsOf(log);
  if (said.startsWith('unshare:')) {
    const who = process.getuid!() === 0 ? 'root in this container' : 'this user';
    return new LabError('NETNS_EPERM', `${who} may not create namespaces: ${said}`);
  }
  return new LabError('DAEMON', `the lab did not start (${how}): ${said || 'it was killed'}`);
}

/**
 * End a lab at once and wait until none of its processes is left. PID 1 is killed, not `unshare`: the kernel then kills and reaps the
 * whole PID namespace before `unshare`'s wait returns, so its end is the end of everything.
 */
export function end(instance: Instance): Promise<void> {
  const before = ending.get(instance);
  if (before !== undefined) return before;
  const promise = endOnce(instance);
  ending.set(instance, promise);
  return promise;
}

/** An interrupt and the end of a run may both ask for it. */
const ending = new WeakMap<Instance, Promise<void>>();

async function endOnce(instance: Instance): Promise<void> {
  const alive = () => startTimeOf(instance.pid) === instance.startTime;
  const deadline = performance.now() + GONE_WITHIN_MS;
  while (alive() && performance.now() < deadline) {
    for (const pid of childrenOf(instance.pid)) killIfThere(pid);
    if (childrenOf(instance.pid).length === 0 && alive()) killIfThere(instance.pid);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  rmSync(instance.directory, { recursive: true, force: true });
  if (alive()) throw new LabError('DAEMON', `lab ${instance.lab}: process ${instance.pid} does not end`);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

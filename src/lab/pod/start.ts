/** Starts what a pod's image says, in the pod's namespace. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LabError } from '../../base/errors.ts';
import { inNetns } from '../shell.ts';
import type { Pod } from '../topology/model.ts';

const ECHO_SERVER = fileURLToPath(new URL('echo-server.ts', import.meta.url));
const READY_WITHIN_MS = 1000 * Number(process.env.KUBEHOP_READY_SECONDS ?? 10);

export interface RunningPod {
  readonly name: string;
  readonly process: ChildProcess;
}

/** The server has no need of any privilege: it gets an empty bounding set, so uid 0 of the lab is nobody special in there. */
const withoutCapabilities = ['setpriv', '--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', '--'];

/** Resolves when the server listens. @throws LabError DAEMON with what it said, when it ends before that or is not ready in time. */
export function startPod(name: string, pod: Pod): Promise<RunningPod> {
  const server = [process.execPath, '--disable-warning=ExperimentalWarning', ECHO_SERVER, name, pod.node, pod.address, String(pod.port)];
  const [command, ...args] = inNetns(name, [...withoutCapabilities, ...server]);
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (what: string) => reject(new LabError('DAEMON', `pod "${name}": ${said.trim() || what}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`not ready within ${READY_WITHIN_MS} ms`);
    }, READY_WITHIN_MS);
    child.stderr.on('data', chunk => {
      said += chunk;
    });
    child.stdout.once('data', () => {
      clearTimeout(timer);
      resolve({ name, process: child });
    });
    child.once('error', error => fail(error.message));
    child.once('close', code => {
      clearTimeout(timer);
      fail(`ended with exit ${code}`);
    });
  });
}

/** How long a server has to end by itself. */
const GRACE_MS = 2_000;

/** SIGTERM, and SIGKILL to one that does not heed it. Resolves when it has ended. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  child.kill('SIGTERM');
  await ended;
  clearTimeout(timer);
}

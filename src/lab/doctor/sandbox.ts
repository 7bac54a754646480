/**
 * A place to try things: the namespaces that a lab lives in, made for one script and gone with it. As root without the user namespace,
 * as anybody else with it: the same two ways that the lab's daemon takes.
 */
import { spawnSync } from 'node:child_process';

/** Run a POSIX sh script. @returns its exit status (127 also when there is no `unshare`, 124 after the time is up) and what it said. */
export type Sandbox = (script: string) => { status: number; output: string };

/** Arguments of unshare(1) for the namespaces of a lab. */
export const unshareArguments = (uid: number): string[] => [
  ...(uid === 0 ? [] : ['--user', '--map-root-user']),
  '--net',
  '--mount',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
];

/** A writable /run, for `ip netns` and for the lock of iptables-legacy. */
const PRELUDE = 'mount -t tmpfs tmpfs /run\n';
const LIMIT_MS = 20_000;

export function makeSandbox(uid: number): Sandbox {
  return script => {
    const r = spawnSync('unshare', [...unshareArguments(uid), 'sh', '-euc', PRELUDE + script], {
      encoding: 'utf8',
      input: '',
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
    });
    if (r.error) {
      const timedOut = (r.error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
      return { status: timedOut ? 124 : 127, output: timedOut ? `no answer within ${LIMIT_MS / 1000} s` : r.error.message };
    }
    return { status: r.status ?? 128, output: r.stderr + r.stdout };
  };
}

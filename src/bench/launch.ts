/**
 * The host's side: the bench in user (when not root), mount, network and PID namespaces of its own, as a lab's daemon. When this process ends,
 * or the bench does, the kernel takes every process, interface and namespace of it away.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, LabError } from '../base/errors.ts';
import { checkTun } from '../lab/daemon/launch.ts';
import type { BenchOptions } from './options.ts';
import type { BenchResult } from './result.ts';

const INIT = fileURLToPath(new URL('../lab/daemon/init.sh', import.meta.url));
const MAIN = fileURLToPath(new URL('main.ts', import.meta.url));
/** All rows with so many rounds are done long before this. */
const ROUND_WITHIN_MS = 5 * 60_000;
const BUILT_WITHIN_MS = 10 * 60_000;

export interface BenchRun {
  readonly options: BenchOptions;
  onProgress(line: string): void;
  /** Aborted: the bench ends at once, and leaves nothing. */
  readonly signal: AbortSignal;
}

/** @throws LabError NETNS_EPERM, TUN_MISSING, TOOL_MISSING, DAEMON, and what the bench itself met */
export async function runBench({ options, onProgress, signal }: BenchRun): Promise<BenchResult> {
  checkTun();
  const user = process.getuid!() === 0 ? [] : ['--user', '--map-root-user'];
  const node = [process.execPath, '--disable-warning=ExperimentalWarning', MAIN, JSON.stringify(options)];
  const argv = [...user, '--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--', 'sh', INIT, ...node];
  const child = spawn('unshare', argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A session of its own: its priority is then its own as well.
    detached: true,
    // /run is a directory of the bench's own there.
    env: { ...process.env, XDG_RUNTIME_DIR: '/run' },
  });
  const end = () => child.kill('SIGKILL');
  const late = setTimeout(end, BUILT_WITHIN_MS + options.rounds * ROUND_WITHIN_MS);
  signal.addEventListener('abort', end);
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', line => {
    said.push(line);
    onProgress(line);
  });
  const pieces: Buffer[] = [];
  child.stdout.on('data', piece => pieces.push(piece));
  try {
    await Promise.race([
      once(child, 'close'),
      once(child, 'error').then(([cause]) => {
        throw new LabError('TOOL_MISSING', `cannot run unshare: ${(cause as Error).message}`, { cause });
      }),
    ]);
  } finally {
    clearTimeout(late);
    signal.removeEventListener('abort', end);
  }
  return resultOf(Buffer.concat(pieces).toString(), said);
}

function resultOf(text: string, said: readonly string[]): BenchResult {
  if (text === '') {
    const last = said.at(-1) ?? 'it was killed';
    throw new LabError(last.startsWith('unshare:') ? 'NETNS_EPERM' : 'DAEMON', `the bench ended without a result: ${last}`);
  }
  const result = JSON.parse(text) as BenchResult | { fault: { code: ErrorCode; message: string } };
  if ('fault' in result) throw new LabError(result.fault.code, result.fault.message);
  return result;
}

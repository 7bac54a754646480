/** The command line's side of a live capture: the lab writes into a named pipe, and what comes out goes where the user wants it. */
import { spawnSync } from 'node:child_process';
import { constants, createWriteStream, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { LabError } from '../base/errors.ts';
import type { CaptureReport } from '../capture/capture.ts';
import { RotatingFiles } from '../capture/pcapng/rotation.ts';
import { DaemonClient } from './daemon/client.ts';
import type { Instance } from './daemon/directories.ts';
import { SHELL_DIRECTORY } from './node-shell.ts';

const READER_GONE = ['EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'];

export type CaptureTarget =
  | {
      /** `-`: stdout. */
      path: string;
      maxBytes?: number;
    }
  | { to: Writable };

/** Until `ended` is aborted, or nobody reads any more. @throws LabError BAD_INPUT, DAEMON, OS */
export async function capture(
  instance: Pick<Instance, 'directory'>,
  where: string[],
  target: CaptureTarget,
  ended: AbortSignal,
  say: (line: string) => void,
): Promise<CaptureReport> {
  const name = `capture-${process.pid}.pipe`;
  const path = join(instance.directory, name);
  // The daemon stands in the host's directory, and whoever is inside sees the other one.
  const pipe = instance.directory === SHELL_DIRECTORY ? path : name;
  const made = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
  if (made.status !== 0) throw new LabError('OS', `cannot make a named pipe at ${path}: ${made.error?.message ?? made.stderr.trim()}`);
  const client = await DaemonClient.connect(instance.directory);
  let from: Socket | undefined;
  try {
    const report = client.request({ op: 'capture', where, pipe }, undefined, hops => say(`capturing at ${hops}; Ctrl-C ends it`));
    report.catch(() => undefined); // when the reader goes first, nobody waits for it
    // Opened so, it waits for nobody: a hop that is not there leaves no thread behind that can never end.
    from = new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), readable: true, writable: false });
    const copied = copy(from, target);
    copied.catch(() => client.close()); // nobody reads: the lab hears of it
    const end = () => void endCapture(instance, pipe).catch(() => client.close());
    ended.addEventListener('abort', end, { once: true });
    if (ended.aborted) end();
    const answer = await Promise.race([report, copied.then(() => report)]);
    await copied;
    return answer;
  } catch (error) {
    // `| head`, or Wireshark was closed
    if (READER_GONE.includes((error as NodeJS.ErrnoException).code ?? '')) return { hops: [], rings: [], unread: 0 };
    throw error;
  } finally {
    client.close();
    from?.destroy();
    rmSync(path, { force: true });
  }
}

async function endCapture(instance: Pick<Instance, 'directory'>, pipe: string): Promise<void> {
  const client = await DaemonClient.connect(instance.directory);
  try {
    await client.request({ op: 'end-capture', pipe });
  } finally {
    client.close();
  }
}

async function copy(from: Socket, target: CaptureTarget): Promise<void> {
  if ('to' in target) return pipeline(from, target.to);
  const { path: to, maxBytes } = target;
  if (to === '-') return pipeline(from, createWriteStream('', { fd: 1, autoClose: false }));
  const files = new RotatingFiles(to, maxBytes ?? Number.POSITIVE_INFINITY);
  try {
    for await (const bytes of from) files.write(bytes as Buffer);
  } finally {
    files.close();
  }
}

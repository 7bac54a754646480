/**
 * `tcpdump -i flannel.1` in the shell of a userspace node, where no such device is: the router tells what passes there, and the real tcpdump reads it.
 * Arguments: the node, its interfaces that no device carries, the real program, and the words.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { LabError } from '../../base/errors.ts';
import { capture } from '../capture-command.ts';
import { SHELL_DIRECTORY } from '../node-shell.ts';
import { divert } from './tcpdump-words.ts';

const [node = '', inside = '', program = '', ...words] = process.argv.slice(2);
const ended = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => ended.abort());

try {
  const diverted = divert(words, inside.split(','));
  // An ordinary user's lab has no other uid that tcpdump could take instead of its own.
  const argv = diverted === undefined ? words : ['-r', '-', ...(diverted.rest.includes('-Z') ? [] : ['-Z', 'root']), ...diverted.rest];
  // Ctrl-C is for the capture: tcpdump prints what is left of it, and ends with it.
  const detached = diverted !== undefined;
  const child = spawn(program, argv, { stdio: [detached ? 'pipe' : 'inherit', 'inherit', 'inherit'], detached });
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', cause => reject(new LabError('TOOL_MISSING', `cannot run ${program}: ${cause.message}`, { cause })));
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
  if (diverted !== undefined) {
    exited.then(
      () => ended.abort(),
      () => ended.abort(),
    );
    const where = [`${node}/${diverted.interface}`];
    await capture({ directory: SHELL_DIRECTORY }, where, { to: child.stdin! }, ended.signal, () => undefined).catch(error => {
      child.kill();
      throw error;
    });
  }
  process.exitCode = await exited;
} catch (error) {
  process.stderr.write(`${error instanceof LabError ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

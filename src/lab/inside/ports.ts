/**
 * `bridge link set dev PORT hairpin on` in the shell of a userspace node, and the same by `ip link`: the real program does it to the real bridge, and the
 * router, by which pods reach each other, is told to look. Arguments: the node, the real program, and the words.
 */
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { LabError } from '../../base/errors.ts';
import { DaemonClient } from '../daemon/client.ts';
import { SHELL_DIRECTORY } from '../node-shell.ts';

const [node = '', program = '', ...words] = process.argv.slice(2);
const { status, signal } = spawnSync(program, words, { stdio: 'inherit' });
process.exitCode = status ?? 128 + constants.signals[signal ?? 'SIGTERM'];
if (status === 0) {
  try {
    const client = await DaemonClient.connect(SHELL_DIRECTORY);
    await client.request({ op: 'ports', node }).finally(() => client.close());
  } catch (error) {
    process.stderr.write(`${error instanceof LabError ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

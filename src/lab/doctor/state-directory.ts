/** Where the last run of each exercise stands, and the control sockets of running labs. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Check, missing, ok } from './check.ts';

export const stateDirectory: Check = {
  name: 'state',
  use: 'keeps the last run of each exercise',
  required: true,
  run({ env }) {
    const directory = join(env.XDG_STATE_HOME || join(env.HOME || homedir(), '.local', 'state'), 'kubehop');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      accessSync(directory, constants.W_OK | constants.X_OK);
      return ok(directory);
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code;
      return missing(
        `${directory} cannot be written: ${reason}`,
        'set XDG_STATE_HOME to a directory of yours, or give that one back to you with chown',
      );
    }
  },
};

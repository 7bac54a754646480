/** Where the last run of each exercise stands, and the control sockets of running labs. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { runtimeRoot, stateRoot } from '../daemon/directories.ts';
import { type Check, missing, ok } from './check.ts';

export const stateDirectory: Check = {
  name: 'state',
  use: 'the last run of each exercise, and the sockets of running labs',
  required: true,
  run({ env }) {
    for (const directory of [stateRoot(env), runtimeRoot(env)]) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        accessSync(directory, constants.W_OK | constants.X_OK);
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code;
        return missing(
          `${directory} cannot be written: ${reason}`,
          `set XDG_STATE_HOME to a directory of yours, or: sudo chown -R "$(id -u)" ${directory}`,
        );
      }
    }
    return ok(stateRoot(env));
  },
};

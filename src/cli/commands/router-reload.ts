/** `kubehop router reload --pid PID`: routes and rules of a running router, read again; what is wrong with it is said here. */
import { runtimeRoot } from '../../lab/daemon/directories.ts';
import { askControl, controlPath } from '../../node/control.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command.requiredOption('--pid <pid>', 'process id of the router', Number).action(async (options: { pid: number }) => {
    const { stdout } = await askControl(controlPath(runtimeRoot(), options.pid), { command: 'reload', args: [] });
    io.write(stdout);
  });
};

/** `kubehop wireshark uninstall`: takes away what `install` wrote, and nothing else. */
import { askFolders } from '../../lab/wireshark/folders.ts';
import { uninstall } from '../../lab/wireshark/install.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command.action(() => {
    for (const { path, what } of uninstall(askFolders()))
      io.print(`${what.padEnd(8)} ${path}${what === 'kept' ? '  (changed since it was written)' : ''}`);
  });
};

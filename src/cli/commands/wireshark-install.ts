/** `kubehop wireshark install`: running labs in Wireshark's list of interfaces, comments as fields, and a profile. */
import { askFolders } from '../../lab/wireshark/folders.ts';
import { install } from '../../lab/wireshark/install.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command
    .addHelpText(
      'after',
      `
Then choose the profile "kubehop" in Wireshark (bottom right), or start it as \`wireshark -C kubehop\`. Labs that are up stand in its list of
interfaces, in which F5 looks again. Files that are not kubehop's, or that you have changed since, are left as they are.`,
    )
    .action(() => {
      for (const { path, what } of install(askFolders())) {
        if (what === 'refused')
          io.progress(
            `${io.paintErr('yellow', 'warning:')} ${path}: not allowed. This Wireshark looks for extcap programs there alone: start it with WIRESHARK_EXTCAP_DIR set to a folder of yours, and install with the same; or use \`kubehop capture all -w - | wireshark -k -i -\``,
          );
        else io.print(`${what.padEnd(8)} ${path}${what === 'kept' ? '  (changed since it was written)' : ''}`);
      }
    });
};

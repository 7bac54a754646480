/** `kubehop exec WHERE [-- CMD]`: a command in a pod, node or client of the lab that is up, or a shell whose prompt says where one is. */
import { execIn, runningLab } from '../../lab/exec.ts';
import type { Define } from '../commands.ts';
import type { Exit } from '../io.ts';

export const define: Define = (command, io) => {
  command
    .argument('<WHERE>', 'pod, node or client: as the exercise names it')
    .argument('[CMD...]', 'the command, after --; without one, a shell')
    .option('--lab <NN>', 'which lab, when several are up')
    .addHelpText('after', "\nThe exit status is the command's. A shell's prompt says which lab and where: 07 pod-b (10.244.2.2) $")
    .passThroughOptions()
    .action(async (where: string, cmd: string[], options: { lab?: string }) => {
      void io.interrupted; // Ctrl-C is for the command, which is on the same terminal
      const argv = cmd[0] === '--' ? cmd.slice(1) : cmd;
      io.exitCode = (await execIn(runningLab(options.lab), where, argv)) as Exit;
    });
};

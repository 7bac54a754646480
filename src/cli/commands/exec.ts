/** `kubehop exec WHERE -- CMD`: a command in a pod, node or client of the lab that is up. */
import { LabError } from '../../base/errors.ts';
import { execIn, runningLab } from '../../lab/exec.ts';
import type { Define } from '../commands.ts';
import type { Exit } from '../io.ts';

export const define: Define = (command, io) => {
  command
    .argument('<WHERE>', 'pod, node or client: as the exercise names it')
    .argument('<CMD...>', 'the command, after --')
    .option('--lab <NN>', 'which lab, when several are up')
    .addHelpText('after', "\nThe exit status is the command's. Without a command of your own: kubehop exec pod-a -- sh")
    .passThroughOptions()
    .action(async (where: string, cmd: string[], options: { lab?: string }) => {
      void io.interrupted; // Ctrl-C is for the command, which is on the same terminal
      const argv = cmd[0] === '--' ? cmd.slice(1) : cmd;
      if (argv.length === 0) throw new LabError('BAD_INPUT', `exec ${where}: say which command: kubehop exec ${where} -- sh`);
      io.exitCode = (await execIn(runningLab(options.lab), where, argv)) as Exit;
    });
};

/** `kubehop lab check NN`: the steps and checks of the exercise on the lab that is up. */
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import { reportLines } from '../../lab/report.ts';
import { checkLab, isWell } from '../../lab/run.ts';
import type { Define } from '../commands.ts';
import { Exit } from '../io.ts';
import { labProgress, printLines } from './lab-options.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NN>', 'number of the exercise')
    .option('--out <DIR>', "where the captures go (without it: the user's state directory)")
    .option('--json', 'the result as data')
    .action(async (number: string, options: { out?: string; json?: boolean }) => {
      const client = await DaemonClient.connect(runningLab(number).directory);
      io.interrupted.addEventListener('abort', () => client.close());
      const report = await checkLab(runningLab(number), client, options.out, labProgress(io)).finally(() => client.close());
      if (options.json) io.printJson(report);
      else printLines(io, reportLines(report));
      if (!isWell(report)) io.exitCode = Exit.Different;
    });
};

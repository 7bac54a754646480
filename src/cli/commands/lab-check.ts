/** `kubehop lab check NN`: the steps and checks of the exercise on the lab that is up. */
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import { reportLines } from '../../lab/report.ts';
import { checkLab, isWell } from '../../lab/run.ts';
import { markPassed } from '../../lab/state.ts';
import type { Define } from '../commands.ts';
import { Exit } from '../io.ts';
import { addWorkOptions, labProgress, printLines, type WorkOptions, workOf } from './lab-options.ts';

export const define: Define = (command, io) => {
  addWorkOptions(command)
    .argument('<NN>', 'number of the exercise')
    .option('--out <DIR>', "where the captures go (without it: the user's state directory)")
    .option('--json', 'the result as data')
    .action(async (number: string, options: WorkOptions & { out?: string; json?: boolean }) => {
      const work = workOf(number, options);
      const client = await DaemonClient.connect(runningLab(number).directory);
      io.interrupted.addEventListener('abort', () => client.close());
      const report = await checkLab(runningLab(number), client, options.out, work, labProgress(io)).finally(() => client.close());
      if (options.json) io.printJson(report);
      else printLines(io, reportLines(report));
      if (!isWell(report)) io.exitCode = Exit.Different;
      else if (!options.solution) markPassed(report.lab);
    });
};

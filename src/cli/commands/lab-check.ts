/** `kubehop lab check NN`: the steps and checks of the exercise on the lab that is up. */
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import { reportLines } from '../../lab/report.ts';
import { checkLab, isWell } from '../../lab/run.ts';
import { markPassed } from '../../lab/state.ts';
import type { Define } from '../commands.ts';
import { hasFaults, repair, standingFault, tellFault } from '../faults.ts';
import { Exit } from '../io.ts';
import { addWorkOptions, labProgress, printLines, type WorkOptions, workOf } from './lab-options.ts';

export const define: Define = (command, io) => {
  addWorkOptions(command)
    .argument('<NN>', 'number of the exercise')
    .option('--out <DIR>', "where the captures go (without it: the user's state directory)")
    .option('--json', 'the result as data')
    .action(async (number: string, options: WorkOptions & { out?: string; json?: boolean }) => {
      const work = workOf(number, options);
      const instance = runningLab(number);
      const client = await DaemonClient.connect(instance.directory);
      io.interrupted.addEventListener('abort', () => client.close());
      const check = async (): Promise<void> => {
        const fault = await standingFault(instance.lab, client);
        if (fault !== undefined && options.solution) repair(instance.lab, fault);
        const report = await checkLab(instance, client, options.out, work, labProgress(io));
        const well = isWell(report);
        if (options.json) io.printJson(report);
        else printLines(io, reportLines(report));
        if (!well) io.exitCode = Exit.Different;
        if (fault !== undefined) tellFault(io, instance.lab, fault, well, { own: !options.solution, quiet: options.json === true });
        else if (well && !options.solution && !(await hasFaults(instance.lab))) markPassed(report.lab);
      };
      await check().finally(() => client.close());
    });
};

/** `kubehop lab run NN`: an exercise from start to end, with its checks, and both runs compared. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { reportLines } from '../../lab/report.ts';
import { isWell, runLab } from '../../lab/run.ts';
import { markPassed } from '../../lab/state.ts';
import type { PodNetwork } from '../../lab/topology/model.ts';
import type { Define } from '../commands.ts';
import { hasFaults } from '../faults.ts';
import { Exit } from '../io.ts';
import { addWorkOptions, labProgress, networkOption, onOption, printLines, seedOption, type WorkOptions, workOf } from './lab-options.ts';

interface Options extends WorkOptions {
  on: string;
  network?: PodNetwork;
  out?: string;
  seed: number;
  keep?: boolean;
  verbose?: boolean;
  json?: boolean;
  fault: ('wrong-ttl' | 'skip-masquerade')[];
}

export const define: Define = (command: Command, io) => {
  addWorkOptions(command)
    .argument('<NN>', 'number of the exercise, as `kubehop lab list` shows it')
    .addOption(onOption('both'))
    .addOption(networkOption())
    .option('--out <DIR>', "where captures and comparison go (without it: the user's state directory)")
    .addOption(seedOption())
    .option('--keep', 'the lab stays up afterwards (with both: the last one)')
    .option('--verbose', 'every command that is run, as you would type it')
    .option('--json', 'the result as data')
    .addOption(new Option('--fault <fault...>').choices(['wrong-ttl', 'skip-masquerade']).default([]).hideHelp())
    .action(async (number: string, options: Options) => {
      const work = workOf(number, options);
      const report = await runLab({
        number,
        ...(work === undefined ? {} : { work }),
        on: options.on,
        network: options.network,
        ...(options.out === undefined ? {} : { out: options.out }),
        seed: options.seed,
        keep: options.keep ?? false,
        faults: options.fault,
        signal: io.interrupted,
        say: labProgress(io, options.verbose),
      });
      if (options.json) io.printJson(report);
      else printLines(io, reportLines(report));
      if (!isWell(report)) io.exitCode = Exit.Different;
      else if (!options.solution && !(await hasFaults(report.lab))) markPassed(report.lab);
    });
};

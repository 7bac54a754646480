/** `kubehop diff NN`: the last userspace run and the last kernel run of an exercise, compared. */
import { diffRuns } from '../../lab/diff.ts';
import type { Define } from '../commands.ts';
import { Exit } from '../io.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NN>', 'number of the exercise')
    .option('--out <DIR>', 'the runs that `lab run NN --out DIR` left (without it: the last ones)')
    .option('--json', 'the comparison as data')
    .addHelpText('after', '\nExit status: 0 when both are the same, 1 when they differ.')
    .action(async (number: string, options: { out?: string; json?: boolean }) => {
      const comparison = diffRuns(number, options.out);
      if (options.json) io.printJson(comparison.data);
      else for (const line of comparison.text) io.print(line);
      if (!comparison.same) io.exitCode = Exit.Different;
    });
};

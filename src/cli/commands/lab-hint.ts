/** `kubehop lab hint NN`: the next hint for the fault that stands; there are three, from where to look to what to do. */
import { LabError } from '../../base/errors.ts';
import { loadLab } from '../../lab/catalog.ts';
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import { troubleOf } from '../../lab/trouble/troubles.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NN>', 'number of the exercise')
    .option('--json', 'as data')
    .action(async (number: string, options: { json?: boolean }) => {
      const { directory, lab } = runningLab(number);
      const client = await DaemonClient.connect(directory);
      const standing = await client.request({ op: 'hint' }).finally(() => client.close());
      if (standing === null) throw new LabError('BAD_INPUT', `no fault stands in lab ${lab}: \`kubehop lab break ${lab}\` lists them`);
      const { hints, name } = troubleOf((await loadLab(lab)).troubles ?? [], standing.fault);
      const given = hints.slice(0, standing.hints);
      if (options.json) return io.printJson({ fault: standing.fault, hints: given });
      for (const [i, hint] of given.entries()) io.print(`${i + 1} of ${hints.length}: ${hint}`);
      if (given.length === hints.length) io.print(`That was the last. The solution: solution/${name}.sh, beside the text of the exercise.`);
    });
};

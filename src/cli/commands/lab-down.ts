/** `kubehop lab down NN`: ends a lab and everything in it. */
import { LabError } from '../../base/errors.ts';
import { runningInstances } from '../../lab/daemon/directories.ts';
import { end } from '../../lab/daemon/launch.ts';
import { runningLab } from '../../lab/exec.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command
    .argument('[NN]', 'number of the exercise')
    .option('--all', 'every lab of this user, and runs of other terminals')
    .action(async (number: string | undefined, options: { all?: boolean }) => {
      if ((number === undefined) === (options.all !== true))
        throw new LabError('BAD_INPUT', 'say which lab: `kubehop lab down NN` or `kubehop lab down --all`');
      const instances = number === undefined ? runningInstances() : [runningLab(number)];
      await Promise.all(instances.map(end));
      for (const { lab } of instances) io.print(`lab ${lab} is down`);
      if (instances.length === 0) io.print('no lab is up');
    });
};

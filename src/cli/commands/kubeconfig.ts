/** `kubehop kubeconfig NN`: the file by which kubectl reaches a running lab. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../../base/errors.ts';
import { KUBECONFIG } from '../../lab/cluster/kubeconfig.ts';
import { runningLab } from '../../lab/exec.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command
    .argument('[NN]', 'number of the exercise, when several are up')
    .addHelpText('after', '\nFor kubectl: export KUBECONFIG=$(kubehop kubeconfig NN)')
    .action((number: string | undefined) => {
      const { directory, lab } = runningLab(number);
      const path = join(directory, KUBECONFIG);
      if (!existsSync(path))
        throw new LabError('BAD_INPUT', `lab ${lab} has no API: its Services are changed by \`kubehop lab apply ${lab} -f FILE\``);
      io.print(path);
    });
};

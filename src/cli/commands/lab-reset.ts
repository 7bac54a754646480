/** `kubehop lab reset NN`: whatever was changed in the lab that is up is undone: it is built anew, on the same data planes. */
import { runningLab } from '../../lab/exec.ts';
import { resetLab } from '../../lab/run.ts';
import type { Define } from '../commands.ts';
import { labProgress } from './lab-options.ts';

export const define: Define = (command, io) => {
  command.argument('<NN>', 'number of the exercise').action(async (number: string) => {
    const { lab } = await resetLab(runningLab(number), io.interrupted, labProgress(io));
    io.print(`lab ${lab} is as it was at the start`);
  });
};

/** `kubehop lab up NN`: builds the lab and leaves it standing. */
import { upLab } from '../../lab/run.ts';
import type { PodNetwork } from '../../lab/topology/model.ts';
import type { Define } from '../commands.ts';
import { labProgress, networkOption, onOption, seedOption } from './lab-options.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NN>', 'number of the exercise')
    .addOption(onOption('userspace'))
    .addOption(networkOption())
    .addOption(seedOption())
    .option('--store <file>', 'a lab with an API keeps its objects there, and begins with those that are')
    .option('--verbose', 'every command that is run, as you would type it')
    .action(async (number: string, options: { on: string; network?: PodNetwork; seed: number; store?: string; verbose?: boolean }) => {
      const instance = await upLab({
        number,
        on: options.on,
        network: options.network,
        seed: options.seed,
        storeFile: options.store,
        signal: io.interrupted,
        say: labProgress(io, options.verbose),
      });
      const planes = Object.entries(instance.planes).map(([node, plane]) => `${node} ${plane}`);
      io.print(`lab ${instance.lab} is up: ${planes.join(', ')}`);
      io.print(`look around: kubehop exec ${Object.keys(instance.planes)[0]}   (a shell there)`);
      io.print(`check:       kubehop lab check ${instance.lab}`);
      io.print(`end:         kubehop lab down ${instance.lab}`);
    });
};

/** `kubehop lab advance NODE TIME`: the clock of a userspace node of the lab that is up jumps, and what is due by then expires. */
import { InvalidArgumentError } from 'commander';
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import type { Define } from '../commands.ts';

const secondsIn: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `24h`, `90s`, `2.5`: seconds without a letter. */
export function seconds(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError('a time, as in 90s, 5m, 24h or 5d');
  return Number(number) * secondsIn[unit || 's']!;
}

export const define: Define = (command, io) => {
  command
    .argument('<NODE>', 'a userspace node of the lab')
    .argument('<TIME>', '90s, 5m, 24h, 5d', seconds)
    .option('--lab <NN>', 'the lab, when several are up')
    .action(async (node: string, time: number, options: { lab?: string }) => {
      const client = await DaemonClient.connect(runningLab(options.lab).directory);
      try {
        await client.request({ op: 'advance', node, seconds: time });
      } finally {
        client.close();
      }
      io.print(`the clock of ${node} is ${time} s ahead of where it was`);
    });
};

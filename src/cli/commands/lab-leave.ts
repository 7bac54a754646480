/** `kubehop lab leave NODE...`: nodes leave the lab that is up, with their pods; what does not touch them goes on. */
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NODE...>', 'as the exercise names them')
    .option('--lab <NN>', 'the lab, when several are up')
    .action(async (nodes: string[], options: { lab?: string }) => {
      const client = await DaemonClient.connect(runningLab(options.lab).directory);
      try {
        await client.request({ op: 'leave', nodes });
      } finally {
        client.close();
      }
      io.print(nodes.map(node => `${node} has left`).join('\n'));
    });
};

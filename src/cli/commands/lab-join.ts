/** `kubehop lab join NODE...`: nodes come into the lab that is up, while its traffic runs. */
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import { planRuns } from '../../lab/planes.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NODE...>', 'node3, node4, ...')
    .option('--on <plane>', 'userspace, kernel, or PLANE:NODE,...', 'userspace')
    .option('--lab <NN>', 'the lab, when several are up')
    .action(async (nodes: string[], options: { on: string; lab?: string }) => {
      const [run] = planRuns(options.on, nodes);
      const client = await DaemonClient.connect(runningLab(options.lab).directory);
      try {
        await client.request({ op: 'join', planes: run!.planes });
      } finally {
        client.close();
      }
      io.print(nodes.map(node => `${node} has joined (${run!.planes[node]})`).join('\n'));
    });
};

/** `kubehop lab join NODE...`: nodes come into the lab that is up, while its traffic runs. */
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import { planeOfOthers, planRuns } from '../../lab/planes.ts';
import type { Define } from '../commands.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NODE...>', 'node3, node4, ...')
    .option('--on <plane>', 'userspace, kernel, or PLANE:NODE,... (default: as the nodes that are there)')
    .option('--lab <NN>', 'the lab, when several are up')
    .action(async (nodes: string[], options: { on?: string; lab?: string }) => {
      // Words that are wrong are said before anybody is asked.
      const said = options.on === undefined ? undefined : planRuns(options.on, nodes)[0]!.planes;
      const client = await DaemonClient.connect(runningLab(options.lab).directory);
      try {
        const planes = said ?? planRuns(planeOfOthers(await client.request({ op: 'places' })), nodes)[0]!.planes;
        await client.request({ op: 'join', planes });
        io.print(nodes.map(node => `${node} has joined (${planes[node]})`).join('\n'));
      } finally {
        client.close();
      }
    });
};

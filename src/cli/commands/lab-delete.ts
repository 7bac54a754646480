/** `kubehop lab delete NN service/web`: objects of a lab that is up go, and their rules with them. */
import { LabError } from '../../base/errors.ts';
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runningLab } from '../../lab/exec.ts';
import { nameOfWord } from '../../lab/proxy/manifest.ts';
import type { Define } from '../commands.ts';
import { readText } from '../read-text.ts';
import { gather, showChange } from './lab-apply.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NN>', 'number of the exercise')
    .argument('[OBJECT...]', 'service/web, endpointslice/web-1, node/node1')
    .option('-f, --file <FILE>', 'or all that stand in a manifest; - is stdin; may be given again', gather, [])
    .option('-n, --namespace <NAME>', 'namespace of OBJECT', 'default')
    .option('--json', 'the result as data')
    .action(async (number: string, objects: string[], options: { file: string[]; namespace: string; json?: boolean }) => {
      if (objects.length === 0 && options.file.length === 0) throw new LabError('BAD_INPUT', 'say what to delete: service/web, or -f FILE');
      const names = objects.map(word => {
        const name = nameOfWord(word, options.namespace);
        if (name === undefined) throw new LabError('BAD_INPUT', `"${word}": write service/NAME, endpointslice/NAME or node/NAME`);
        return name;
      });
      const files = options.file.map(file => ({ name: file === '-' ? 'stdin' : file, text: readText(file) }));
      const client = await DaemonClient.connect(runningLab(number).directory);
      try {
        showChange(io, await client.request({ op: 'delete', names, files }, said => io.progress(said.line)), options.json);
      } finally {
        client.close();
      }
    });
};

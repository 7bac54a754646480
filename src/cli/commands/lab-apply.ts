/** `kubehop lab apply NN -f FILE`: Services, EndpointSlices and Nodes of a lab that is up come or change, and kube-proxy writes its rules. */
import { LabError } from '../../base/errors.ts';
import { DaemonClient } from '../../lab/daemon/client.ts';
import type { ObjectsChanged } from '../../lab/daemon/protocol.ts';
import { runningLab } from '../../lab/exec.ts';
import { wordOfName } from '../../lab/proxy/manifest.ts';
import type { Define } from '../commands.ts';
import { Exit, type Io } from '../io.ts';
import { readText } from '../read-text.ts';

export const define: Define = (command, io) => {
  command
    .argument('<NN>', 'number of the exercise')
    .option('-f, --file <FILE>', 'YAML or JSON, lists too; - is stdin; may be given again', gather, [])
    .option('--json', 'the result as data')
    .action(async (number: string, options: { file: string[]; json?: boolean }) => {
      if (options.file.length === 0) throw new LabError('BAD_INPUT', 'say what to apply: -f FILE');
      const files = options.file.map(file => ({ name: file === '-' ? 'stdin' : file, text: readText(file) }));
      const client = await DaemonClient.connect(runningLab(number).directory);
      try {
        showChange(io, await client.request({ op: 'apply', files }, said => io.progress(said.line)), options.json);
      } finally {
        client.close();
      }
    });
};

export const gather = (value: string, before: string[]): string[] => [...before, value];

/** As kubectl says it, and then how each node took it. */
export function showChange(io: Io, { report, problems, notes }: ObjectsChanged, json = false): void {
  for (const line of problems) io.progress(`${io.paintErr('red', 'error:')} ${line}`);
  for (const line of [...notes, ...report.warnings]) io.progress(`${io.paintErr('yellow', 'warning:')} ${line}`);
  if (json) io.printJson(report);
  else {
    for (const { name, change } of report.objects) io.print(`${wordOfName(name)} ${change}`);
    for (const { node, ok, full, ms, retryAfterMs = 0 } of report.nodes)
      io.print(
        ok
          ? `${node}: ${full ? 'all rules' : 'the rules of what changed'} written in ${ms.toFixed(1)} ms`
          : `${node}: refused, the old rules stay: tried again in ${retryAfterMs / 1000} s`,
      );
  }
  if (report.nodes.some(n => !n.ok)) io.exitCode = Exit.Different;
  if (problems.length > 0 || report.objects.some(o => o.change === 'not found')) io.exitCode = Exit.Usage;
}

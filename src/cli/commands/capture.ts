/** `kubehop capture WHERE...`: the frames of a running lab's hops, live, into a file or a pipe. */
import { InvalidArgumentError } from 'commander';
import { LabError } from '../../base/errors.ts';
import { capture } from '../../lab/capture-command.ts';
import { runningLab } from '../../lab/exec.ts';
import type { Define } from '../commands.ts';

interface Options {
  write: string;
  lab?: string;
  fileSize?: number;
}

export const define: Define = (command, io) => {
  command
    .argument('<WHERE...>', 'hops: node1/flannel.1, lan0, pod-b/eth0; node1 is all of its interfaces, `all` every one of the lab')
    .requiredOption('-w, --write <FILE>', 'pcapng; - is stdout, for a pipe into Wireshark')
    .option('--lab <NN>', 'which lab, when several are up')
    .option('--file-size <MB>', 'begin another file when one has so many megabytes: FILE_00001, FILE_00002', text => {
      const size = Number(text);
      if (!(size > 0)) throw new InvalidArgumentError('a number above 0');
      return size;
    })
    .addHelpText('after', '\nUntil Ctrl-C. Wireshark, live: kubehop capture node1/flannel.1 -w - | wireshark -k -i -')
    .action(async (where: string[], options: Options) => {
      if (options.write === '-' && io.outIsTerminal)
        throw new LabError('BAD_INPUT', '-w - writes a capture to the terminal: send it into a pipe or a file');
      const report = await capture(
        runningLab(options.lab),
        where,
        { path: options.write, ...(options.fileSize === undefined ? {} : { maxBytes: options.fileSize * 1_000_000 }) },
        io.interrupted,
        line => io.progress(line),
      );
      for (const hop of report.hops)
        io.progress(`${hop.name}: ${hop.written} frames${hop.dropped === 0 ? '' : `, ${hop.dropped} for which there was no room`}`);
      for (const ring of report.rings) if (ring.lost > 0) io.progress(`${ring.node}: ${ring.lost} packets for which there was no room`);
      io.exitCode = 0; // Ctrl-C is how it ends
    });
};

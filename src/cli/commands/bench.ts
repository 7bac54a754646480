/** `kubehop bench`: the speed table, every row beside the kernel on wires that are made alike. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { LabError } from '../../base/errors.ts';
import { runBench } from '../../bench/launch.ts';
import { measures, unknownRows } from '../../bench/measures.ts';
import { DEFAULT_ROUNDS, QUICK_ROUNDS } from '../../bench/options.ts';
import { curve, isCurve } from '../../bench/report/curve.ts';
import { plot } from '../../bench/report/plot.ts';
import { markdown, tableLines } from '../../bench/report/table.ts';
import type { Define } from '../commands.ts';

interface Options {
  row: string[];
  rounds?: string;
  quick?: boolean;
  json?: boolean;
  markdown?: boolean;
  plot?: string;
  profile?: string;
}

export const define: Define = (command, io) => {
  command
    .option('--row <ID...>', 'these alone: a letter, or a measure such as a.tap.1', [])
    .option('--rounds <N>', `rounds, each plane once in each (default ${DEFAULT_ROUNDS}; quick ${QUICK_ROUNDS})`)
    .option('--quick', 'under a minute: short windows, the router and iptables-nft alone')
    .option('--json', 'the result as data')
    .option('--markdown', 'the table as Markdown')
    .option('--plot <FILE>', 'an SVG plot; of row k its curve')
    .option('--profile <DIR>', "processor profiles of the router (node's --cpu-prof)")
    .addHelpText('after', `\nMeasures:\n${measures.map(m => `  ${m.id.padEnd(18)}${m.name}, ${m.unit}`).join('\n')}`)
    .action(async (options: Options) => {
      const unknown = unknownRows(options.row);
      if (unknown.length > 0)
        throw new LabError('BAD_INPUT', `--row ${unknown.join(' ')}: expected a to k, or a measure of \`kubehop bench --help\``);
      const quick = options.quick ?? false;
      const rounds = Number(options.rounds ?? (quick ? QUICK_ROUNDS : DEFAULT_ROUNDS));
      if (!Number.isInteger(rounds) || rounds < 1 || rounds > 100)
        throw new LabError('BAD_INPUT', `--rounds ${options.rounds}: expected 1 to 100`);
      const profile = options.profile === undefined ? null : resolve(options.profile);
      if (profile !== null) mkdirSync(profile, { recursive: true });
      const result = await runBench({
        options: { rows: options.row, rounds, quick, profile },
        onProgress: line => io.progress(line),
        signal: io.interrupted,
      });
      if (options.plot !== undefined) {
        mkdirSync(dirname(resolve(options.plot)), { recursive: true });
        writeFileSync(options.plot, isCurve(result) ? curve(result) : plot(result));
      }
      if (options.json) io.printJson(result);
      else if (options.markdown) io.print(markdown(result));
      else for (const line of tableLines(result)) io.print(line);
    });
};

/** What the commands of a lab have in common. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { LabError } from '../../base/errors.ts';
import { findLab } from '../../lab/catalog.ts';
import type { ReportLine } from '../../lab/report.ts';
import { podNetworks } from '../../lab/topology/model.ts';
import type { Io } from '../io.ts';

export const onOption = (fallback: string): Option =>
  new Option('--on <PLANES>', 'userspace, kernel, both, or one per node: userspace:node1,kernel:node2').default(fallback);

export const networkOption = (): Option =>
  new Option('--network <KIND>', "how pods of different nodes reach each other, where it is not to be the exercise's own way").choices(
    podNetworks,
  );

export const seedOption = (): Option =>
  new Option('--seed <N>', 'random choices of userspace nodes are drawn from it').default(1).argParser(text => {
    const seed = Number(text);
    if (!/^\d+$/.test(text) || seed > 0xffff_ffff) throw new InvalidArgumentError('a whole number from 0 to 4294967295');
    return seed;
  });

/** Where the reader of an exercise writes. */
export const addWorkOptions = (command: Command): Command =>
  command
    .option('--work <DIR>', "folder with the files that you write (without it: the exercise's start/)")
    .addOption(new Option('--solution', "the exercise's own solution in place of your files").conflicts('work'));

export interface WorkOptions {
  work?: string;
  solution?: boolean;
}

/** @throws LabError BAD_INPUT, LAB_UNKNOWN */
export function workOf(number: string, { work, solution }: WorkOptions): string | undefined {
  if (!solution) return work;
  const folder = join(findLab(number).folder, 'solution');
  if (!existsSync(folder)) throw new LabError('BAD_INPUT', `--solution: in exercise ${number} there is nothing to write`);
  return folder;
}

/** Commands only with `--verbose`. */
export const labProgress =
  (io: Io, verbose = false) =>
  (line: string, detail: boolean): void => {
    if (!detail || verbose) io.progress(detail ? io.paintErr('dim', line) : line);
  };

const colours = { good: 'green', bad: 'red', title: 'bold', quiet: 'dim', changed: 'yellow' } as const;

export function printLines(io: Io, lines: readonly ReportLine[]): void {
  for (const { text, tone } of lines) io.print(tone === undefined || text === '' ? text : io.paint(colours[tone], text));
}

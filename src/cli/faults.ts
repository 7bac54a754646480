/** What `lab check` says and does beyond its checks in an exercise whose reader looks for faults. */
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LabError } from '../base/errors.ts';
import { findLab, loadLab } from '../lab/catalog.ts';
import type { DaemonClient } from '../lab/daemon/client.ts';
import { markPassed, markRepaired, repaired } from '../lab/state.ts';
import type { Standing, Trouble } from '../lab/trouble/trouble.ts';
import { troubleOf } from '../lab/trouble/troubles.ts';
import type { Io } from './io.ts';

const BIN = dirname(fileURLToPath(new URL('../../bin/kubehop', import.meta.url)));

export interface StandingFault extends Standing {
  readonly trouble: Trouble;
  /** All of the exercise. */
  readonly all: readonly Trouble[];
}

/** @returns undefined where no fault was brought in */
export async function standingFault(number: string, client: DaemonClient): Promise<StandingFault | undefined> {
  const { troubles = [] } = await loadLab(number);
  if (troubles.length === 0) return undefined;
  const standing = await client.request({ op: 'standing' });
  return standing === null ? undefined : { ...standing, trouble: troubleOf(troubles, standing.fault), all: troubles };
}

/** The exercise's own repair. @throws LabError DAEMON with what it said when a command of it fails */
export function repair(number: string, { trouble }: StandingFault): void {
  const script = join(findLab(number).folder, 'solution', `${trouble.name}.sh`);
  const env = { ...process.env, PATH: `${BIN}${delimiter}${process.env.PATH ?? ''}` };
  const { status, stdout, stderr } = spawnSync('sh', ['-e', script], { env, encoding: 'utf8' });
  if (status !== 0) throw new LabError('DAEMON', `${script}: exit ${status}: ${(stderr + stdout).trim()}`);
}

/** Is it passed by repairing faults, and not by a lab that is well? */
export const hasFaults = async (number: string): Promise<boolean> => ((await loadLab(number)).troubles ?? []).length > 0;

/** @param how.own by the reader's own hands @param how.quiet it is only noted, and not told */
export function tellFault(io: Io, number: string, fault: StandingFault, well: boolean, how: { own: boolean; quiet: boolean }): void {
  if (well && how.own) note(number, fault);
  if (!how.quiet) tell(io, number, fault, well);
}

function note(number: string, { trouble, all }: StandingFault): void {
  markRepaired(number, trouble.name);
  const done = repaired(number);
  if (all.every(({ name }) => done.has(name))) markPassed(number);
}

function tell(io: Io, number: string, fault: StandingFault, well: boolean): void {
  const { trouble, all, hints } = fault;
  io.print('');
  if (!well) {
    const seen = hints === 0 ? '' : ` (${hints} of 3 seen)`;
    io.print(
      `${io.paint('red', `Fault ${fault.fault} is not repaired`)}, or something else is broken now. A hint: kubehop lab hint ${number}${seen}`,
    );
    return;
  }
  io.print(`${io.paint('green', `Fault ${fault.fault} is repaired.`)} What happened (${trouble.name.replace(/^\d+-/, '')}):`);
  for (const line of trouble.happened) io.print(`  ${line}`);
  io.print(`  Sources: ${trouble.source}`);
  const done = repaired(number);
  const next = all.findIndex(({ name }) => !done.has(name) && name !== trouble.name);
  io.print('');
  io.print(next === -1 ? 'That was the last of them.' : `next:        kubehop lab break ${number} ${next + 1}`);
}

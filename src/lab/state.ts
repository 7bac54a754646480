/** What earlier runs left in the user's state directory: `$XDG_STATE_HOME/kubehop/NN/last`, and whether an exercise was passed. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTimeOf, stateRoot } from './daemon/directories.ts';

/** Holds the last run of each data plane, and their comparison. */
export const lastFolder = (number: string): string => join(stateRoot(), number, 'last');

/** A run works in a folder of its own; what a killed one left is removed. */
export function newRunFolder(number: string): string {
  const parent = join(stateRoot(), number);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(parent)) {
    const pid = Number(/^run-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
    if (pid === process.pid || (pid > 0 && startTimeOf(pid) === undefined)) rmSync(join(parent, name), { recursive: true, force: true });
  }
  const folder = join(parent, `run-${process.pid}`);
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

/** What the run made takes the place of the last of its kind; a run on the other data plane stays beside it. @returns the folder */
export function becomeLast(number: string, folder: string): string {
  const last = lastFolder(number);
  mkdirSync(last, { recursive: true, mode: 0o700 });
  for (const name of ['diff.txt', 'diff.json']) rmSync(join(last, name), { force: true });
  for (const name of readdirSync(folder)) {
    rmSync(join(last, name), { recursive: true, force: true });
    renameSync(join(folder, name), join(last, name));
  }
  rmSync(folder, { recursive: true });
  return last;
}

const repairedFile = (number: string): string => join(stateRoot(), number, 'repaired');
/** Faults of an exercise that its reader has repaired, by name. */
export function repaired(number: string): ReadonlySet<string> {
  const file = repairedFile(number.padStart(2, '0'));
  return new Set(existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : []);
}
export function markRepaired(number: string, name: string): void {
  const all = new Set([...repaired(number), name]);
  mkdirSync(join(stateRoot(), number), { recursive: true, mode: 0o700 });
  writeFileSync(repairedFile(number), `${[...all].join('\n')}\n`);
}

const passedFile = (number: string): string => join(stateRoot(), number, 'passed');
export const passed = (number: string): boolean => existsSync(passedFile(number));
export function markPassed(number: string): void {
  mkdirSync(join(stateRoot(), number), { recursive: true, mode: 0o700 });
  writeFileSync(passedFile(number), `${new Date().toISOString()}\n`);
}

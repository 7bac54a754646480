/** Is the program of a container there? Asked before anything is made for it, so that the answer is one that people know. */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '../runtime.ts';
import { APPLETS } from './container-root.ts';

/** @returns what is amiss, in runc's words; undefined when it can be started */
export function findProgram(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
  mounts: readonly Mount[],
  applets: Readonly<Record<string, string>>,
): string | undefined {
  const [program = ''] = argv;
  if (program === '') return 'no command specified';
  if (!program.includes('/')) {
    const folders = (environment.PATH ?? '').split(':');
    if (folders.some(folder => (folder === APPLETS ? Object.hasOwn(applets, program) : isExecutable(join(folder, program)))))
      return undefined;
    return `exec: "${program}": executable file not found in $PATH`;
  }
  // What a volume holds is seen only inside.
  if (mounts.some(({ at }) => program.startsWith(`${at}/`)) || isExecutable(program)) return undefined;
  return `exec: "${program}": stat ${program}: no such file or directory`;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

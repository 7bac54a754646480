/** Rules that the reader of an exercise writes: a file in the exercise's `start/` or `solution/`, or in a folder of the reader's own. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { LabError } from '../../base/errors.ts';
import type { DataPlane } from '../plane/data-plane.ts';
import type { CheckResult } from '../result.ts';

/** @throws LabError BAD_INPUT for a file that is not there */
export function readWork(work: string, file: string): string {
  try {
    return readFileSync(join(work, file), 'utf8');
  } catch (cause) {
    throw new LabError('BAD_INPUT', `cannot read ${join(work, file)}: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}

/** On top of the rules that are there, as `iptables-restore --noflush`. What is refused changes nothing, and is a check that fails. */
export async function addRules(node: string, plane: DataPlane, path: string, text: string): Promise<CheckResult> {
  const { stdout, stderr, status } = await plane.tool('iptables-restore', ['--noflush'], text, () => {}, new AbortController().signal);
  const check = { at: node, text: `iptables-restore takes ${basename(dirname(path))}/${basename(path)}` };
  return status === 0 ? { ...check, ok: true } : { ...check, ok: false, saw: (stderr + stdout).trim() || `exit ${status}` };
}

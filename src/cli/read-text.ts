/** A file that was named on the command line, or stdin for `-`. */
import { readFileSync } from 'node:fs';
import { LabError } from '../base/errors.ts';

/** @throws LabError BAD_INPUT naming the file and the errno */
export function readBytes(path: string): Buffer {
  try {
    return readFileSync(path === '-' ? 0 : path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new LabError('BAD_INPUT', `cannot read ${path === '-' ? 'stdin' : path}: ${code ?? String(cause)}`, { cause });
  }
}

/** @throws LabError BAD_INPUT */
export const readText = (path: string): string => readBytes(path).toString('utf8');

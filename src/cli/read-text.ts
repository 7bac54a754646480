/** A file that was named on the command line, or stdin for `-`. */
import { readFileSync, readSync } from 'node:fs';
import { LabError } from '../base/errors.ts';

const CHUNK = 1 << 16;
const LOOK_AGAIN_MS = 5;

/** @throws LabError BAD_INPUT naming the file and the errno */
export function readBytes(path: string): Buffer {
  try {
    return path === '-' ? readStdin() : readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new LabError('BAD_INPUT', `cannot read ${path === '-' ? 'stdin' : path}: ${code ?? String(cause)}`, { cause });
  }
}

/** @throws LabError BAD_INPUT */
export const readText = (path: string): string => readBytes(path).toString('utf8');

/** To its end. A pipe may be non-blocking, by whoever else has it open: then "nothing yet" is an error, EAGAIN, and not the end. */
function readStdin(): Buffer {
  const clock = new Int32Array(new SharedArrayBuffer(4));
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK);
    try {
      const length = readSync(0, chunk);
      if (length === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(clock, 0, 0, LOOK_AGAIN_MS);
    }
  }
}

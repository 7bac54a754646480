import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const home = join(import.meta.dirname, '../../..');

/** What it wrote, whatever its exit status: a difference is told on stdout, other trouble on stderr. */
export async function judge(...args: string[]): Promise<string> {
  const run = promisify(execFile)(join(home, 'scripts/judge'), args, { timeout: 280_000, maxBuffer: 1 << 26 });
  const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error);
  return stdout || stderr;
}

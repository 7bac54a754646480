/**
 * The kernel as judge: each difference that was found and mended once is looked for again, and new random packets are tried with a seed
 * that nobody has chosen. `scripts/judge --seed N` repeats a run.
 */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { noNamespaces, title } from '../device/sandbox.ts';

const home = join(import.meta.dirname, '../../..');
const cases = join(home, 'test/judge/cases');
const PACKETS = 10_000;

/** What it wrote, whatever its exit status: a difference is told on stdout, other trouble on stderr. */
async function judge(...args: string[]): Promise<string> {
  const run = promisify(execFile)(join(home, 'scripts/judge'), args, { timeout: 280_000, maxBuffer: 1 << 26 });
  const { stdout, stderr } = await run.catch((error: { stdout: string; stderr: string }) => error);
  return stdout || stderr;
}

describe.skipIf(noNamespaces)(title('the router and the kernel', noNamespaces), () => {
  test('agree about every case that they once did not agree about', async () => {
    const files = readdirSync(cases).filter(f => f.endsWith('.json'));
    const said = await judge(...files.flatMap(f => ['--case', join(cases, f)]));
    expect(said).toMatch(new RegExp(`^${files.length} passed, 0 failed$`, 'm'));
  }, 120_000);

  test(`agree about ${PACKETS} random packets`, async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
    console.log(`seed ${seed}`);
    const said = await judge('--packets', String(PACKETS), '--seed', String(seed));
    expect(said).toMatch(new RegExp(`^seed ${seed}: .* 0 different$`, 'm'));
  }, 300_000);
});

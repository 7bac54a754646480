/**
 * The kernel as judge: random packets with a seed that nobody has chosen, on real wires. `scripts/judge --seed N` repeats a run.
 */
import { describe, expect, test } from 'vitest';
import { noNamespaces, title } from '../device/sandbox.ts';
import { judge } from './run-judge.ts';

const PACKETS = 10_000;

describe.skipIf(noNamespaces)(title('the router and the kernel', noNamespaces), () => {
  test(`agree about ${PACKETS} random packets`, async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
    console.log(`seed ${seed}`);
    const said = await judge('--packets', String(PACKETS), '--seed', String(seed));
    expect(said).toMatch(new RegExp(`^seed ${seed}: .* 0 different, coverage `, 'm'));
  }, 300_000);
});

/** The kernel as judge of the way through the chains: rule by rule, against its own trace. */
import { describe, expect, test } from 'vitest';
import { noNamespaces, title } from '../device/sandbox.ts';
import { judge } from './run-judge.ts';

const PACKETS = 600;

describe.skipIf(noNamespaces)(title('the router and the kernel', noNamespaces), () => {
  test(`take ${PACKETS} packets through the same rules`, async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
    console.log(`seed ${seed}`);
    const said = await judge('--trace', '--packets', String(PACKETS), '--seed', String(seed));
    expect(said).toMatch(new RegExp(`^seed ${seed}: .* 0 different$`, 'm'));
    expect(Number(/(\d+) rules and policies met/.exec(said)?.[1])).toBeGreaterThan(PACKETS);
  }, 120_000);
});

/** The kernel as judge of the rules that kube-proxy writes: Services, endpoints and clients with a seed that nobody has chosen. */
import { describe, expect, test } from 'vitest';
import { noNamespaces, title } from '../device/sandbox.ts';
import { judge } from './run-judge.ts';

const PACKETS = 2000;

describe.skipIf(noNamespaces)(title('the router and the kernel', noNamespaces), () => {
  test(`agree about ${PACKETS} packets to Services at random`, async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1;
    console.log(`seed ${seed}`);
    const said = await judge('--services', '--memory', '--packets', String(PACKETS), '--seed', String(seed));
    expect(said).toMatch(new RegExp(`^seed ${seed}: .* 0 different$`, 'm'));
  }, 120_000);
});

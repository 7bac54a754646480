/** The kernel as judge of what is left to chance. A run in which all is well fails less than once in a million times. */
import { describe, expect, test } from 'vitest';
import { noNamespaces, title } from '../device/sandbox.ts';
import { judge } from './run-judge.ts';

describe.skipIf(noNamespaces)(title('the router and the kernel', noNamespaces), () => {
  test('draw endpoints, ports and identifiers with the same chances, and other chances are told from these', async () => {
    const said = await judge('--random', '--memory', '--packets', '3000');
    expect(said).toMatch(/^seed \d+: 3000 draws of each kind, 0 different$/m);
    expect(said.match(/is told from it/g)).toHaveLength(3);
  }, 120_000);
});

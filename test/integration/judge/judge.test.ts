/** The kernel as judge: each difference that was found and mended once is looked for again. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noNamespaces, title } from '../device/sandbox.ts';
import { home, judge } from './run-judge.ts';

const cases = join(home, 'test/judge/cases');

describe.skipIf(noNamespaces)(title('the router and the kernel', noNamespaces), () => {
  test('agree about every case that they once did not agree about', async () => {
    const files = readdirSync(cases).filter(f => f.endsWith('.json'));
    const said = await judge(...files.flatMap(f => ['--case', join(cases, f)]));
    expect(said).toMatch(new RegExp(`^${files.length} passed, 0 failed$`, 'm'));
  }, 120_000);
});

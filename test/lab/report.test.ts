import { expect, test } from 'vitest';
import { reportLines } from '../../src/lab/report.ts';
import type { CheckResult } from '../../src/lab/result.ts';
import type { RunReport } from '../../src/lab/run.ts';

const failed = (at: string, hint?: string): CheckResult => ({
  at,
  text: 'flags SYN',
  ok: false,
  saw: 'nothing',
  ...(hint === undefined ? {} : { hint }),
});
const report = (checks: CheckResult[]): RunReport => ({
  lab: '03',
  title: 'DNAT by hand',
  seed: 1,
  folder: '/out',
  page: '/out/report.html',
  runs: [{ label: 'kernel', result: { checks, shares: [], hops: [] } }],
});
const texts = (checks: CheckResult[]): string[] => reportLines(report(checks)).map(line => line.text);

test('a failing check says what was expected, what was found, and what helps on', () => {
  expect(texts([{ at: 'a/eth0', text: 'ttl 64', ok: true }, failed('b/eth0', 'which chain sees it?')])).toEqual(
    expect.arrayContaining([
      'kernel: 1 of 2 checks hold',
      '  FAILED at b/eth0: flags SYN',
      '    it was: nothing',
      '  hint: which chain sees it?',
    ]),
  );
});

test('a hint is said once, behind the checks that fail for one reason', () => {
  const lines = texts([failed('a', 'one'), failed('b', 'one'), failed('c', 'two'), failed('d')]).filter(line => /FAILED|hint/.test(line));
  expect(lines).toEqual([
    '  FAILED at a: flags SYN',
    '  FAILED at b: flags SYN',
    '  hint: one',
    '  FAILED at c: flags SYN',
    '  hint: two',
    '  FAILED at d: flags SYN',
  ]);
});

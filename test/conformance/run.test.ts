import { describe, expect, test } from 'vitest';
import { runSet, toJson, toText } from './run.ts';
import { defineSet, expectSame, passed, unsupported } from './set.ts';
import { iptablesRules } from './sets/iptables-rules.ts';

const file = (...cases: object[]) => ({ schema: 'x/1', cases: cases as { id: string }[] });

describe('a conformance run', () => {
  const set = defineSet<{ id: string; value: number }>('area/name', c => {
    if (c.value === 1) return passed;
    if (c.value === 2) return unsupported('two is not known');
    if (c.value === 3) throw new Error('broken');
    return expectSame('value', 1, c.value);
  });
  const cases = file({ id: 'a', value: 1 }, { id: 'b', value: 2 }, { id: 'c', value: 3 }, { id: 'd', value: 4 });

  test('never counts as passed what is unsupported, and goes on after a case that breaks', async () => {
    const report = await runSet(set, cases);
    expect([report.passed, report.failed.map(f => f.id), report.unsupported]).toEqual([
      1,
      ['c', 'd'],
      [{ id: 'b', why: 'two is not known' }],
    ]);
  });
  test('prints one line for the set, then what failed and what is unsupported', async () => {
    const lines = toText(await runSet(set, cases)).split('\n');
    expect(lines[0]).toBe('area/name passed 1 failed 2 unsupported 1');
    expect(lines).toContain('  failed d: value: expected 1, got 4');
    expect(lines.at(-1)).toBe('  unsupported b: two is not known');
  });
  test('writes JSON with ids of what failed', async () => {
    expect(JSON.parse(toJson([await runSet(set, cases)]))).toEqual({
      sets: [{ name: 'area/name', passed: 1, failed: ['c', 'd'], unsupported: [{ id: 'b', why: 'two is not known' }] }],
    });
  });
});

describe('the set of rules', () => {
  const one = (c: object) => runSet(iptablesRules, file({ id: 'x', topic: 'tcp', table: 'filter', chains: ['INPUT', 'FORWARD'], ...c }));

  test('compares what is printed in every chain', async () => {
    const good = { args: '-p tcp --dport 80', expect: { accepted: true, saved: '-p tcp -m tcp --dport 80' } };
    expect((await one(good)).passed).toBe(1);
    expect((await one({ ...good, expect: { accepted: true, saved: '-p tcp' } })).failed).toHaveLength(1);
    expect((await one({ ...good, expect: { accepted: false } })).failed).toHaveLength(1);
  });
  test('takes what 1.8.9 did where it differs', async () => {
    const observed189 = { legacy: { accepted: true, saved: '-p udp -m udp --dport 4:3' } };
    expect((await one({ args: '-p udp -m udp --dport 4:3', expect: { accepted: false }, observed189 })).passed).toBe(1);
  });
  test('shows nothing by refusing what it does not know', async () => {
    expect((await one({ topic: 'nothing', args: '-m nothing --x', expect: { accepted: false } })).unsupported).toHaveLength(1);
    expect((await one({ args: '-p tcp --dport x', expect: { accepted: false } })).passed).toBe(1);
  });
});

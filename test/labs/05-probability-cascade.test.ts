import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '../../src/lab/run.ts';
import { Kubehop, lacking, title } from './support.ts';

const planes = ['userspace', 'kernel'] as const;

describe.skipIf(lacking !== '')(title('exercise 05'), { timeout: 120_000 }, () => {
  const kubehop = new Kubehop();
  const out = join(kubehop.home, 'out');
  let report: RunReport;
  beforeAll(async () => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '05', '--json', '--out', out);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0 });
    report = JSON.parse(stdout);
  }, 120_000);
  afterAll(() => kubehop.close());

  test.each([0, 1])('each of 6000 connections reached one backend (run %i)', i => {
    expect(report.runs[i]!.result.shares.map(s => [s.what, s.sent, s.shares.length])).toEqual([
      ['three', 6000, 3],
      ['five', 6000, 5],
    ]);
    for (const { sent, shares } of report.runs[i]!.result.shares) expect(shares.reduce((sum, s) => sum + s.flows, 0)).toBe(sent);
  });

  test.each(planes)('what the wires of the backends showed is what the DNAT rules have counted (%s)', plane => {
    const { shares } = report.runs.find(run => run.label === plane)!.result;
    const rules = readFileSync(join(out, plane, 'rules.txt'), 'utf8');
    const counted = (service: string) =>
      [
        ...rules.matchAll(
          new RegExp(`^\\[(\\d+):\\d+\\] -A KUBE-SEP-\\w+ -p tcp .*"default/${service}" .*DNAT --to-destination (\\S+):`, 'gm'),
        ),
      ]
        .sort((a, b) => a[2]!.localeCompare(b[2]!))
        .map(match => Number(match[1]));
    for (const { what, shares: each } of shares) expect(counted(what)).toEqual(each.map(s => s.flows));
  });

  test.each(planes)('leaves text and picture with the captures (%s)', plane => {
    expect(readFileSync(join(out, plane, 'shares.txt'), 'utf8')).toMatch(/^three: 6000 connections\n {2}web-1 +\d+ +\d\d\.\d % +95 %: /);
    expect(readFileSync(join(out, plane, 'shares.svg'), 'utf8')).toMatch(/^<svg xmlns=.*<\/svg>\n$/s);
    expect(readFileSync(join(out, plane, 'journey.jsonl'), 'utf8').length).toBeLessThan(1_000_000);
  });
});

describe.skipIf(lacking !== '').each(planes)(title('exercise 05 with round robin in place of chance, %s'), { timeout: 120_000 }, on => {
  const kubehop = new Kubehop();
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    kubehop.close();
  });

  test('has perfect shares, and is found by its runs', async () => {
    expect(await kubehop.run('lab', 'up', '05', '--on', on)).toMatchObject({ code: 0 });
    const nth =
      's/random --probability 0.33333333349/nth --every 3 --packet 0/; s/random --probability 0.50000000000/nth --every 2 --packet 0/';
    expect(await kubehop.run('exec', 'node1', '--', 'sh', '-c', `iptables-save -t nat | sed '${nth}' | iptables-restore`)).toMatchObject({
      code: 0,
    });
    const { code, stdout } = await kubehop.run('lab', 'check', '05', '--json');
    expect(code).toBe(1);
    const { checks, shares } = (JSON.parse(stdout) as RunReport).runs[0]!.result;
    expect(shares[0]).toMatchObject({ shares: [{ flows: 2000 }, { flows: 2000 }, { flows: 2000 }], runs: { count: 6000, longest: 1 } });
    expect(checks.find(check => check.at === 'three')).toMatchObject({
      ok: false,
      saw: expect.stringMatching(/^6000 runs where independent choice gives 400\d$/),
    });
  });
});

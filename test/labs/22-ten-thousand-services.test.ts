import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { BenchResult } from '../../src/bench/result.ts';
import type { RunReport } from '../../src/lab/run.ts';
import { Kubehop, lacking, title } from './support.ts';

describe.skipIf(lacking !== '')(title('exercise 22'), { timeout: 180_000 }, () => {
  const kubehop = new Kubehop();
  afterEach(() => kubehop.run('lab', 'down', '--all'));
  afterAll(() => kubehop.close());

  test('a thousand Services: the last of them is reached as the first, on each data plane alike', async () => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', '22', '--json');
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { runs } = JSON.parse(stdout) as RunReport;
    expect(runs.map(({ result }) => result.checks.every(check => check.ok))).toEqual([true, true]);
  });

  test('the plot has the first packet of the kernel, both ways, and of the router with and without its index', async () => {
    const plot = join(kubehop.home, 'first-packet.svg');
    const { code, stdout, stderr } = await kubehop.run('bench', '--row', 'k.10', 'k.100', '--rounds', '1', '--json', '--plot', plot);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const { rows } = JSON.parse(stdout) as BenchResult;
    expect(rows.map(row => row.id)).toEqual(['k.10', 'k.100']);
    for (const row of rows)
      for (const plane of ['router', 'routerLinear', 'kernelNft', 'kernelLegacy'] as const) expect(row[plane], plane).toBeGreaterThan(0);
    expect(existsSync(plot)).toBe(true);
    expect(readFileSync(plot, 'utf8').match(/<polyline/g)).toHaveLength(4);
  });
});

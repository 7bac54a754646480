import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type CatalogEntry, catalog } from '../../src/lab/catalog.ts';
import type { CheckResult } from '../../src/lab/result.ts';
import type { RunReport } from '../../src/lab/run.ts';
import { myths } from '../fixtures/myths/myths.ts';
import { hostState, Kubehop, lacking, title } from './support.ts';

const written = ({ folder }: CatalogEntry): boolean => existsSync(join(folder, 'start'));

/** `Untouched, 26 of 32 checks hold on each data plane.` */
function foretold({ folder }: CatalogEntry): { holding: number; all: number } {
  const [, holding, all] = /^Untouched, (\d+) of (\d+) checks hold on each data plane/m.exec(
    readFileSync(join(folder, 'README.md'), 'utf8'),
  )!;
  return { holding: Number(holding), all: Number(all) };
}

// Seconds on a machine of its own; minutes where others work beside it.
describe.skipIf(lacking !== '')(title('the course'), { timeout: 300_000 }, () => {
  const kubehop = new Kubehop();
  const before = hostState();
  const seconds = new Map<string, number>();

  afterAll(() => {
    kubehop.close();
    const lines = [...seconds].map(([number, taken]) => `${number} ${taken.toFixed(1)}\n`);
    if (process.env.KUBEHOP_TIMES) writeFileSync(process.env.KUBEHOP_TIMES, lines.join(''));
    else console.log(`seconds per exercise, both data planes\n${lines.join('')}`);
  });

  const run = async (number: string, ...words: string[]): Promise<{ code: number | null; report: RunReport }> => {
    const start = performance.now();
    const { code, stdout, stderr } = await kubehop.run('lab', 'run', number, '--json', ...words);
    seconds.set(number, (seconds.get(number) ?? 0) + (performance.now() - start) / 1000);
    expect(stdout, stderr).not.toBe('');
    return { code, report: JSON.parse(stdout) };
  };
  const failed = ({ checks }: { checks: CheckResult[] }): CheckResult[] => checks.filter(check => !check.ok);

  describe.each(catalog().map(entry => [entry.number, entry] as const))('exercise %s', (number, entry) => {
    if (written(entry))
      test('fails untouched as its text foretells, on both data planes alike, and says what helps on', async () => {
        const { code, report } = await run(number);
        const { holding, all } = foretold(entry);
        expect(code).toBe(1);
        for (const { result } of report.runs) {
          expect({ all: result.checks.length, holding: result.checks.length - failed(result).length }).toEqual({ all, holding });
          for (const check of failed(result)) expect(check).toMatchObject({ saw: expect.any(String), hint: expect.any(String) });
        }
        const [one, other] = report.runs.map(({ result }) => failed(result).map(check => `${check.at}: ${check.text}`));
        expect(one).toEqual(other);
        expect(report.comparison).toMatchObject({ same: true });
      });

    test('holds on both data planes, both do the same, nothing is left, and what it refutes is refuted', async () => {
      const { code, report } = await run(number, ...(written(entry) ? ['--solution'] : []));
      expect({ code, failed: report.runs.map(({ result }) => failed(result)) }).toEqual({ code: 0, failed: [[], []] });
      expect(report.comparison).toMatchObject({ same: true });
      for (const { refuted } of myths.filter(myth => myth.exercise === number))
        for (const { at, check } of refuted)
          for (const { label, result } of report.runs)
            expect({
              label,
              at,
              check,
              found: result.checks.filter(each => each.at === at && check.test(each.text) && each.ok).length,
            }).not.toMatchObject({ found: 0 });
      await kubehop.empty();
      expect(hostState()).toEqual(before);
      expect(kubehop.sockets()).toEqual([]);
    });
  });

  test('a solution of ours passes nothing: what is next is the first exercise in which the reader writes', async () => {
    const { stdout } = await kubehop.run('lab', 'next', '--json');
    expect(JSON.parse(stdout).number).toBe(catalog().find(written)!.number);
  });
});

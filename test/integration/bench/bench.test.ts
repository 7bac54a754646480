/**
 * The bench as people call it: one row, quick. What it measures is not judged here; that it runs, says it in its form, and leaves nothing is.
 * Needs: namespaces.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const KUBEHOP = resolve(import.meta.dirname, '../../../bin/kubehop');
const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'));
const missing = process.getuid?.() === 0 ? undefined : 'not root';

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.skipIf(missing)(`kubehop bench${missing ? ` (skipped: ${missing})` : ''}`, () => {
  test('--row a --quick --json runs, and gives the rows in their form', { timeout: 120_000 }, () => {
    const plot = join(folder, 'a.svg');
    const namespaces = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
    const run = spawnSync(KUBEHOP, ['bench', '--row', 'a', '--quick', '--json', '--plot', plot], { encoding: 'utf8' });
    expect(run.status, run.stderr).toBe(0);
    const { machine, rows } = JSON.parse(run.stdout);
    expect(machine).toMatchObject({
      kernel: expect.any(String),
      node: process.version,
      loadGenerator: expect.stringContaining('packets/s'),
    });
    expect(rows.map((row: { id: string }) => row.id)).toEqual(['a.1', 'a.1000', 'a.lossfree', 'a.lossfree.share', 'a.tap.1', 'a.tap.1000']);
    for (const row of rows) {
      expect(row).toMatchObject({ name: expect.any(String), unit: expect.any(String), kernelLegacy: null, ovs: null });
      expect(row.router, row.id).not.toBeNull();
      expect(row.kernelNft, row.id).not.toBeNull();
      // On a busy machine every rate that was tried may have lost something.
      if (!row.id.startsWith('a.lossfree')) expect(row.ratio, row.id).toBeGreaterThan(0);
    }
    expect(rows[0].target).toEqual({ of: 'ratio', sense: 'at least', floor: 1.1, aim: 1.25 });
    expect(rows[0].met).toBe(rows[0].ratio >= 1.1);
    expect(run.stderr).toContain('a: 1 flow, packet sockets');
    expect(readFileSync(plot, 'utf8')).toMatch(/^<svg /);
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).toBe(namespaces);
  });

  test('a row that is not there is bad input', () => {
    const run = spawnSync(KUBEHOP, ['bench', '--row', 'z'], { encoding: 'utf8' });
    expect(run.status).toBe(2);
    expect(run.stderr).toContain('--row z: expected a to k');
  });
});

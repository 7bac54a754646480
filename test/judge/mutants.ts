/**
 * Is the judge sharp? Each patch under `mutants/` breaks the router in one small way; the judge has to find it. A mutant runs in a copy
 * of the tree, in namespaces of its own.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

const home = join(import.meta.dirname, '../..');
const patches = join(import.meta.dirname, 'mutants');
const MOST_PACKETS = 50_000;

/** @param only a part of the names of those that are tried; '' all. @returns the number of those that were not found */
export function runMutants(seed: number, only: string): number {
  const names = readdirSync(patches)
    .filter(f => f.endsWith('.patch') && f.includes(only))
    .toSorted();
  let missed = 0;
  for (const name of names) {
    const found = tryMutant(join(patches, name), seed);
    if (found === null) missed++;
    console.log(
      `${found === null ? 'MISSED' : 'found '}  ${basename(name, '.patch').padEnd(40)} ${found ?? `within ${MOST_PACKETS} packets`}`,
    );
  }
  console.log(`${names.length - missed} of ${names.length} mutants found`);
  return missed;
}

/** @returns after how many packets, or null. @throws Error for a patch that does not fit the tree any more */
function tryMutant(patch: string, seed: number): string | null {
  const copy = mkdtempSync(join(tmpdir(), 'judge-mutant-'));
  try {
    for (const part of ['src', 'test/judge', 'test/router/frames.ts', 'scripts', 'package.json', 'tsconfig.json'])
      cpSync(join(home, part), join(copy, part), { recursive: true });
    symlinkSync(join(home, 'node_modules'), join(copy, 'node_modules'));
    execFileSync('patch', ['-s', '-p1', '-i', patch], { cwd: copy, stdio: 'inherit' });
    const args = ['--packets', String(MOST_PACKETS), '--seed', String(seed), '--memory', '--first'];
    const { stdout, stderr, status } = spawnSync(join(copy, 'scripts/judge'), args, { encoding: 'utf8', maxBuffer: 1 << 26 });
    if (status === 0) return null;
    return (
      /^different after (\d+) packets/m.exec(stdout)?.[0] ??
      `stopped: ${/^\S*Error: .*/m.exec(stderr)?.[0] ?? stderr.trim().split('\n').at(-1)}`
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

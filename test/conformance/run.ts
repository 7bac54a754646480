/** Runs conformance sets over a directory and tells what came out. Reads files; prints nothing. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { closeHosts, NotHere } from './net/plane.ts';
import { type ConformanceFile, type ConformanceSet, failed, unsupported, type Verdict } from './set.ts';

export interface SetReport {
  readonly name: string;
  readonly passed: number;
  readonly failed: readonly { readonly id: string; readonly why: string }[];
  readonly unsupported: readonly { readonly id: string; readonly why: string }[];
}

export async function runSet(set: ConformanceSet, file: ConformanceFile): Promise<SetReport> {
  const bad: { id: string; why: string }[] = [];
  const not: { id: string; why: string }[] = [];
  let good = 0;
  for (const c of file.cases) {
    let verdict: Verdict;
    try {
      verdict = await set.check(c, file);
    } catch (error) {
      // A case that breaks its set is a failure of the case, and the rest is still worth knowing.
      verdict =
        error instanceof NotHere
          ? unsupported(error.message)
          : failed(error instanceof Error ? (error.stack ?? error.message) : String(error));
    } finally {
      closeHosts();
    }
    if (verdict.kind === 'passed') good++;
    else (verdict.kind === 'failed' ? bad : not).push({ id: c.id, why: verdict.why });
  }
  return { name: set.name, passed: good, failed: bad, unsupported: not };
}

export const readFile = (directory: string, name: string): ConformanceFile | undefined => {
  const path = join(directory, `${name}.json`);
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as ConformanceFile) : undefined;
};

/** Names of the files below `directory`, without `.json`, sorted. */
export function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.json'))
    .map(name => name.slice(0, -'.json'.length))
    .sort();
}

export const toText = (r: SetReport): string =>
  [
    `${r.name} passed ${r.passed} failed ${r.failed.length} unsupported ${r.unsupported.length}`,
    ...r.failed.map(f => `  failed ${f.id}: ${f.why}`),
    ...r.unsupported.map(u => `  unsupported ${u.id}: ${u.why}`),
  ].join('\n');

export const toJson = (reports: readonly SetReport[]): string =>
  JSON.stringify({
    sets: reports.map(r => ({ name: r.name, passed: r.passed, failed: r.failed.map(f => f.id), unsupported: r.unsupported })),
  });

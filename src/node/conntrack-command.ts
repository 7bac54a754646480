/** conntrack(8)'s words on a node's own table. */
import type { Conntrack } from '../conntrack/conntrack.ts';

/** @throws LabError BAD_INPUT for words that conntrack(8) does not know. */
export function conntrackCommand(conntrack: Conntrack, _args: readonly string[]): string {
  return `${conntrack.size}\n`;
}

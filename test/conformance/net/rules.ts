/** Rules as cases write them: lines of iptables, `*table` before those of another table than filter, `@host` before those of a host. */
import { LabError } from '../../../src/base/errors.ts';
import { unsupported, type Verdict } from '../set.ts';
import { shellWords } from '../sets/iptables-rules.ts';
import type { RuledHost } from './ruled-host.ts';

export interface RuleLine {
  /** undefined: the router. */
  readonly host: string | undefined;
  /** Arguments of iptables. */
  readonly args: readonly string[];
}

/** @returns the first line that is no rule, as text, when there is one */
export function readRuleLines(lines: readonly string[]): RuleLine[] | string {
  const rules: RuleLine[] = [];
  let table = 'filter';
  let host: string | undefined;
  for (const line of lines) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    else if (line.startsWith('@')) host = line.slice(1).trim();
    else if (line.startsWith('-')) rules.push({ host, args: ['-t', table, ...shellWords(line)] });
    else if (line.startsWith(':')) rules.push({ host, args: ['-t', table, ...chainLine(line)] });
    else if (line !== 'COMMIT' && line.trim() !== '' && !line.startsWith('#')) return line;
  }
  return rules;
}

/** `:INPUT DROP [0:0]`, `:MINE - [0:0]`. */
function chainLine(line: string): string[] {
  const [chain, policy] = line.slice(1).split(/\s+/);
  return policy === '-' ? ['-N', chain!] : ['-P', chain!, policy!];
}

/**
 * Loads rules into their hosts.
 * @returns a verdict when they cannot be: `refused` decides what a refusal means
 */
export function loadRules(
  lines: readonly string[],
  hostOf: (name: string | undefined) => RuledHost,
  refused: (message: string) => Verdict,
): Verdict | undefined {
  const rules = readRuleLines(lines);
  if (typeof rules === 'string') return unsupported(`not a line of iptables: ${rules}`);
  try {
    const hosts = new Set<RuledHost>();
    for (const { host, args } of rules) {
      const router = hostOf(host);
      router.iptables(args);
      hosts.add(router);
    }
    for (const router of hosts) router.commit();
    return undefined;
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    return error.code === 'RULES_UNSUPPORTED' ? unsupported(error.message) : refused(error.message);
  }
}

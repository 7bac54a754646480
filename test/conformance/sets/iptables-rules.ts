/**
 * iptables/rules and iptables/rules-extra: is a rule taken, and how is it printed back? The cases speak of iptables 1.8.11; where
 * 1.8.9 was seen to do otherwise, that is what is expected here, of its two variants the legacy one, whose extensions print
 * themselves.
 */
import { TextError } from '../../../src/base/errors.ts';
import type { RuleSet } from '../../../src/netfilter/ruleset.ts';
import { runCommandLine } from '../../../src/netfilter/text/command-line.ts';
import type { NamedObjects } from '../../../src/netfilter/text/words.ts';
import { defineSet, failed, passed, unsupported, type Verdict } from '../set.ts';

export interface Result {
  readonly accepted: boolean;
  readonly saved?: string;
}
export interface RuleCase {
  readonly id: string;
  /** Name of the match or target. */
  readonly topic: string;
  readonly table: string;
  readonly chains: readonly string[];
  readonly args: string;
  readonly expect: Result;
  readonly observed189?: { readonly legacy?: Result; readonly nft?: Result };
  readonly setup?: readonly string[];
}

/** @param missingModules the machine on which 1.8.9 was observed lacked kernel modules: what it refused says nothing about the text */
export function wanted(c: RuleCase, missingModules: boolean): Result {
  const seen = c.observed189?.legacy;
  if (seen === undefined || (missingModules && !seen.accepted && c.expect.accepted)) return c.expect;
  return seen;
}

/** Makes what the case needs: a command of iptables, or an object by its name. */
function prepare(c: RuleCase): { objects: NamedObjects; ruleSet: RuleSet } | string {
  const objects = { nfacct: new Set<string>(), set: new Set<string>(), rateest: new Set<string>() };
  let ruleSet: RuleSet = { tables: new Map() };
  for (const step of c.setup ?? []) {
    const accounting = /accounting object named (\S+)|nfacct add (\S+)/.exec(step);
    const ipset = /set named (\S+)|ipset (?:create|-N) (\S+)/.exec(step);
    if (accounting) objects.nfacct.add((accounting[1] ?? accounting[2])!);
    else if (ipset) objects.set.add((ipset[1] ?? ipset[2])!);
    else if (step.startsWith('iptables ')) {
      ruleSet = runCommandLine(shellWords(step).slice(1), ruleSet, { objects }).ruleSet;
      const estimator = /--rateest-name (\S+)/.exec(step);
      if (estimator) objects.rateest.add(estimator[1]!);
    } else return `cannot set up: ${step}`;
  }
  return { objects, ruleSet };
}

function tryChain(c: RuleCase, chain: string, want: Result, before: RuleSet, objects: NamedObjects): Verdict {
  let saved: string;
  try {
    const { ruleSet } = runCommandLine(['-t', c.table, '-A', chain, ...shellWords(c.args)], before, { objects });
    const rules = runCommandLine(['-t', c.table, '-S', chain], ruleSet).output.trimEnd().split('\n');
    saved = rules.at(-1)!.slice(`-A ${chain} `.length);
  } catch (error) {
    if (!(error instanceof TextError)) throw error;
    // A refusal for not knowing what the case is about shows nothing.
    const unknown = error.code === 'RULES_UNSUPPORTED' && error.message.includes(`named "${c.topic}"`);
    if (!want.accepted) return unknown ? unsupported(error.message) : passed;
    return error.code === 'RULES_UNSUPPORTED' ? unsupported(error.message) : failed(`${chain}: refused: ${error.message}`);
  }
  if (!want.accepted) return failed(`${chain}: taken and printed as: ${saved}`);
  const expected = want.saved ?? c.args;
  return saved === expected ? passed : failed(`${chain}: expected: ${expected}\n    got: ${saved}`);
}

function check(c: RuleCase, missingModules: boolean): Verdict {
  const prepared = prepare(c);
  if (typeof prepared === 'string') return unsupported(prepared);
  for (const chain of c.chains) {
    const verdict = tryChain(c, chain, wanted(c, missingModules), prepared.ruleSet, prepared.objects);
    if (verdict.kind !== 'passed') return verdict;
  }
  return passed;
}

/** Words as a shell cuts them: blanks, two kinds of quotes, backslash. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === '\\' && quote !== "'") word = (word ?? '') + (text[++i] ?? '');
    else if (c === quote) quote = '';
    else if (quote === '' && (c === '"' || c === "'")) {
      quote = c;
      word ??= '';
    } else if (quote === '' && /\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + c;
  }
  if (word !== undefined) words.push(word);
  return words;
}

export const iptablesRules = defineSet<RuleCase>('iptables/rules', c => check(c, false));
export const iptablesRulesExtra = defineSet<RuleCase>('iptables/rules-extra', c => check(c, true));

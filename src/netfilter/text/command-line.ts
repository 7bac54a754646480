/**
 * `iptables ARGS` on a rule set: the same grammar as the lines of a file, from the words of a command line. Pure: the old rule set
 * stays as it was.
 */
import { TextError } from '../../base/errors.ts';
import { EMPTY_RULE_SET, emptyTable, type RuleSet, type TableName } from '../ruleset.ts';
import { apply } from './apply.ts';
import { type Command, isTableName, readCommand } from './command.ts';
import { listRules, listTable } from './list.ts';
import { checkTable, describeProblem } from './table-check.ts';
import { EditError, TableDraft } from './table-draft.ts';
import { type NamedObjects, Words } from './words.ts';

export interface CommandLineOptions {
  readonly objects?: NamedObjects;
}
export interface CommandLineResult {
  readonly ruleSet: RuleSet;
  /** What `-S` and `-L` print. */
  readonly output: string;
  readonly warnings: readonly string[];
}

/**
 * @param args what stands behind `iptables`
 * @throws TextError RULES or RULES_UNSUPPORTED; columns count in the arguments joined by spaces
 */
export function runCommandLine(
  args: readonly string[],
  ruleSet: RuleSet = EMPTY_RULE_SET,
  options: CommandLineOptions = {},
): CommandLineResult {
  const words = new Words('iptables', options.objects);
  words.take(args);
  if (args.length === 0) words.failAt(1, 'no command: expected one of -A -I -D -R -N -X -F -P -Z -E -C -S -L');
  const name = tableOf(args, words);
  const draft = new TableDraft(ruleSet.tables.get(name) ?? emptyTable(name));
  const command = readCommand(words, { isChain: draft.has, file: false });
  const fail = (message: string): never => {
    throw new TextError('RULES', { file: words.file, line: 1, column: 1 }, message);
  };
  try {
    apply(draft, command);
  } catch (error) {
    if (error instanceof EditError) return fail(error.message);
    throw error;
  }
  const table = draft.finish();
  const warnings = words.warnings.map(w => w.message);
  if (command.chain !== undefined && isListing(command) && !draft.has(command.chain))
    fail(`there is no chain "${command.chain}" in table ${name}`);
  if (command.name === 'list-rules') return { ruleSet, output: listRules(table, command, command.list.verbose), warnings };
  if (command.name === 'list') return { ruleSet, output: listTable(table, command, command.list), warnings };
  if (command.name === 'check') return { ruleSet, output: '', warnings };
  const problem = checkTable(table);
  if (problem) fail(describeProblem(problem));
  return { ruleSet: { tables: new Map(ruleSet.tables).set(name, table) }, output: '', warnings };
}

const isListing = (c: Command): boolean => c.name === 'list' || c.name === 'list-rules';

/** The table must be known before the rest is read: jumps are looked up in it. */
function tableOf(args: readonly string[], words: Words): TableName {
  let name: string = 'filter';
  let at = -1;
  args.forEach((word, i) => {
    if (word === '-t' || word === '--table') at = i + 1;
    else if (word.startsWith('--table=')) name = word.slice('--table='.length);
    else if (/^-t./.test(word)) name = word.slice(2);
  });
  if (at >= 0 && args[at] !== undefined) name = args[at];
  if (name === 'security') {
    words.at = Math.max(at + 1, 1);
    return words.unsupported('table "security" is not supported');
  }
  return isTableName(name) ? name : words.failAt(1, `there is no table "${name}": expected one of raw, mangle, nat, filter`);
}

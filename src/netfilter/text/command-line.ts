/**
 * `iptables ARGS` on a rule set: the same grammar as the lines of a file, from the words of a command line. Pure: the old rule set
 * stays as it was.
 */
import { TextError } from '../../base/errors.ts';
import { EMPTY_RULE_SET, emptyTable, type RuleSet, type TableName } from '../ruleset.ts';
import { apply } from './apply.ts';
import { type Command, isTableName, readCommand } from './command.ts';
import { listRules, listTable } from './list.ts';
import type { KnownRules } from './read.ts';
import { checkTable, describeProblem } from './table-check.ts';
import { EditError, type KernelWord, kernelWords, TableDraft } from './table-draft.ts';
import { type NamedObjects, Words } from './words.ts';

export interface CommandLineOptions {
  readonly objects?: NamedObjects;
  /** Of the rule set that the command is for. */
  readonly known?: KnownRules;
}
export interface CommandLineResult {
  readonly ruleSet: RuleSet;
  /** Built-in chains of the table whose own counters start anew. */
  readonly restarted: ReadonlySet<string>;
  /** What `-S` and `-L` print. */
  readonly output: string;
  readonly warnings: readonly string[];
  readonly command: Command;
  readonly table: TableName;
}

/** The command is well formed, and the rule set does not let it: what iptables answers with status 1. */
export class RefusedCommand extends TextError {
  /** In iptables' words. */
  readonly says: string;
  constructor(file: string, message: string, word: KernelWord) {
    super('RULES', { file, line: 1, column: 1 }, message);
    // Where the kernel has one word for many things, what is wrong is said behind it.
    this.says = word === 'invalid' ? `Invalid argument: ${message}.` : kernelWords[word];
  }
}

/**
 * @param args what stands behind `iptables`
 * @throws RefusedCommand; TextError RULES or RULES_UNSUPPORTED; columns count in the arguments joined by spaces
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
  const { known } = options;
  const draft = new TableDraft(ruleSet.tables.get(name) ?? emptyTable(name), known && (chain => known.references(name, chain)));
  const command = readCommand(words, { isChain: draft.has, file: false });
  const fail = (message: string, word: KernelWord): never => {
    throw new RefusedCommand(words.file, message, word);
  };
  try {
    apply(draft, command);
  } catch (error) {
    if (error instanceof EditError) return fail(error.message, error.word);
    throw error;
  }
  const table = draft.finish();
  const told = { warnings: words.warnings.map(w => w.message), command, table: name, restarted: draft.restarted };
  if (command.chain !== undefined && isListing(command) && !draft.has(command.chain))
    fail(`there is no chain "${command.chain}" in table ${name}`, 'chain');
  if (command.name === 'list-rules') return { ruleSet, output: listRules(table, command, command.list.verbose), ...told };
  if (command.name === 'list') return { ruleSet, output: listTable(table, command, command.list), ...told };
  if (command.name === 'check') return { ruleSet, output: '', ...told };
  const problem = (known?.check ?? checkTable)(table);
  if (problem) fail(describeProblem(problem), 'invalid');
  return { ruleSet: { tables: new Map(ruleSet.tables).set(name, table) }, output: '', ...told };
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

/**
 * Commands of iptables(8): `-A CHAIN rule`, `-D`, `-I`, `-R`, `-N`, `-X`, `-F`, `-P`, `-Z`, `-E`, `-C`, `-S`, `-L`. One grammar for the
 * lines of a file and for the arguments of the command line.
 */
import type { Rule, TableName } from '../ruleset.ts';
import { builtinChains } from '../ruleset.ts';
import { parseUnsigned } from './numbers.ts';
import type { RuleDraft } from './rule-draft.ts';
import { isUnsupported, readRule } from './rule-reader.ts';
import { chainNameProblem } from './table-draft.ts';
import type { Words } from './words.ts';

export interface Command {
  readonly name: CommandName;
  readonly chain?: string;
  /** Rule number, 1 = first. */
  readonly number?: number;
  /** More than one when addresses were lists. Empty for commands without a rule. */
  readonly rules: readonly Rule[];
  /** `-P`: the policy; `-E`: the new name. */
  readonly value?: string;
  readonly counters?: { readonly packets: number; readonly bytes: number };
  readonly table?: string;
  readonly list: ListFlags;
}
export interface ListFlags {
  readonly numeric: boolean;
  readonly verbose: boolean;
  readonly exact: boolean;
  readonly lineNumbers: boolean;
}

const commands = {
  '-A': 'append',
  '-C': 'check',
  '-D': 'delete',
  '-E': 'rename-chain',
  '-F': 'flush',
  '-I': 'insert',
  '-L': 'list',
  '-N': 'new-chain',
  '-P': 'policy',
  '-R': 'replace',
  '-S': 'list-rules',
  '-X': 'delete-chain',
  '-Z': 'zero',
} as const;
export type CommandName = (typeof commands)[keyof typeof commands];

const options: ReadonlyMap<string, string> = new Map([
  ...Object.entries(commands).map(([short, long]) => [long, short] as const),
  ['new', '-N'],
  ['table', '-t'],
  ['set-counters', '-c'],
  ['numeric', '-n'],
  ['verbose', '-v'],
  ['exact', '-x'],
  ['line-numbers', '--line-numbers'],
  ['wait', '-w'],
]);

/** Commands that take a rule. */
const withRule = new Set<CommandName>(['append', 'insert', 'delete', 'replace', 'check']);

export interface CommandContext {
  /** Chains of the table, for jumps. The command may name the table itself (`-t`): then the function is asked after that. */
  readonly isChain: (chain: string, table: string | undefined) => boolean;
  /** Lines of a file cannot choose their table, nor list. */
  readonly file: boolean;
  /** Keep what is not supported as a rule that never matches. Gets the complaint. */
  readonly lenient?: (complaint: Error) => void;
  /** The line as it stood, for `lenient`. */
  readonly line?: string;
}

interface Draft {
  name?: CommandName;
  chain?: string;
  number?: number;
  value?: string;
  counters?: { packets: number; bytes: number };
  table?: string;
  flags: { numeric: boolean; verbose: boolean; exact: boolean; lineNumbers: boolean };
  /** Index of the first word behind `-A CHAIN`. */
  ruleAt: number;
}

/** @throws TextError RULES or RULES_UNSUPPORTED */
export function readCommand(words: Words, context: CommandContext): Command {
  const draft: Draft = { flags: { numeric: false, verbose: false, exact: false, lineNumbers: false }, ruleAt: 0 };
  const other = (option: string, w: Words, not: boolean): boolean => takeOption(option, w, not, draft, context);
  const isChain = (name: string): boolean => context.isChain(name, draft.table);
  let rules: RuleDraft[];
  let verbatim: string | undefined;
  try {
    rules = readRule(words, isChain, other, options);
  } catch (error) {
    verbatim = isUnsupported(error) && context.lenient ? keep(words, draft, context) : undefined;
    if (verbatim === undefined) throw error;
    context.lenient!(error as Error);
    rules = [{ matches: [], verbatim, packets: 0, bytes: 0, line: words.line }];
  }
  const name = draft.name ?? words.fail('no command: expected one of -A -I -D -R -N -X -F -P -Z -E');
  checkCommand(name, rules[0]!, draft, words);
  if (draft.counters) for (const rule of rules) Object.assign(rule, draft.counters);
  if (!context.file) for (const rule of rules) rule.line = 0; // it comes from no file
  if (!withRule.has(name) || (name === 'delete' && draft.number !== undefined)) rules = [];
  if (name === 'replace' && rules.length > 1) words.fail('-R takes one source and one destination');
  const { chain, number, value, counters, table } = draft;
  return {
    name,
    ...(chain !== undefined && { chain }),
    ...(number !== undefined && { number }),
    rules,
    ...(value !== undefined && { value }),
    ...(counters && { counters }),
    ...(table !== undefined && { table }),
    list: draft.flags,
  };
}

/** What stands behind `-A CHAIN`, when the line so far is one that may be kept. */
function keep(words: Words, draft: Draft, context: CommandContext): string | undefined {
  if (context.line === undefined || draft.ruleAt === 0 || (draft.name !== 'append' && draft.name !== 'insert')) return undefined;
  return draft.ruleAt >= words.count ? '' : context.line.slice(words.columns[draft.ruleAt]! - 1).trimEnd();
}

function takeOption(option: string, words: Words, not: boolean, draft: Draft, context: CommandContext): boolean {
  const command = (commands as Record<string, CommandName>)[option];
  if (command === undefined) return takeFlag(option, words, not, draft, context);
  if (not) words.fail(`${option} cannot be inverted`);
  if (context.file && (command === 'list' || command === 'list-rules' || command === 'check'))
    words.fail(`${option} means nothing in a file`);
  if (draft.name !== undefined) words.fail(`${option} cannot stand beside another command`);
  draft.name = command;
  switch (command) {
    case 'append':
    case 'check':
    case 'policy':
    case 'new-chain':
    case 'insert':
    case 'replace':
    case 'delete':
    case 'rename-chain':
      draft.chain = words.value();
      break;
    default:
      if (words.hasArgument()) draft.chain = words.value();
  }
  if (command === 'insert') draft.number = words.hasArgument() ? ruleNumber(words) : 1;
  else if (
    command === 'replace' ||
    ((command === 'delete' || command === 'zero' || command === 'list' || command === 'list-rules') &&
      draft.chain !== undefined &&
      words.hasArgument())
  )
    draft.number = ruleNumber(words);
  else if (command === 'policy') draft.value = words.second('a chain and a policy');
  else if (command === 'rename-chain') draft.value = words.second('the old name and the new one');
  draft.ruleAt = words.at;
  return true;
}

function ruleNumber(words: Words): number {
  const word = words.second('a chain and a rule number');
  const v = parseUnsigned(word, 1, 0x7fff_ffff);
  return v > 0 ? v : words.bad('a rule number, 1 for the first');
}

function takeFlag(option: string, words: Words, not: boolean, draft: Draft, context: CommandContext): boolean {
  if (not) words.fail(`${option} cannot be inverted`);
  switch (option) {
    case '-t':
      if (context.file) words.fail('-t means nothing in a file: the table is the one of the *table line');
      draft.table = words.value();
      return true;
    case '-c':
      draft.counters = readCounters(words);
      return true;
    case '-w':
      if (context.file) words.fail('-w means nothing in a file');
      if (words.hasArgument()) words.value();
      return true;
    case '-n':
      draft.flags.numeric = true;
      return true;
    case '-v':
      draft.flags.verbose = true;
      return true;
    case '-x':
      draft.flags.exact = true;
      return true;
    case '--line-numbers':
      draft.flags.lineNumbers = true;
      return true;
    default:
      return false;
  }
}

/** `-c 5,300` or `-c 5 300`. */
function readCounters(words: Words): { packets: number; bytes: number } {
  const word = words.value();
  const comma = word.indexOf(',');
  const packets = comma < 0 ? word : word.slice(0, comma);
  const bytes = comma >= 0 ? word.slice(comma + 1) : words.hasArgument() ? words.value() : '';
  const p = readCounter(packets);
  const b = readCounter(bytes);
  return p === undefined || b === undefined ? words.bad('two numbers, packets and bytes') : { packets: p, bytes: b };
}

/** A decimal count; above 2^53 - 1 it is kept as that. */
export function readCounter(text: string): number | undefined {
  return /^\s*\d+/.test(text) ? Math.min(Number.parseInt(text, 10), Number.MAX_SAFE_INTEGER) : undefined;
}

/** Chains in which an interface cannot be known yet, or any more. */
const noOutput = ['PREROUTING', 'INPUT'];
const noInput = ['POSTROUTING', 'OUTPUT'];

function checkCommand(name: CommandName, spec: RuleDraft, draft: Draft, words: Words): void {
  const { chain } = draft;
  const empty =
    spec.matches.length === 0 &&
    !spec.target &&
    !spec.source &&
    !spec.destination &&
    !spec.inInterface &&
    !spec.outInterface &&
    !spec.protocol &&
    !spec.fragment;
  if ((!withRule.has(name) || (name === 'delete' && draft.number !== undefined)) && !empty) words.fail(`-${name} takes no rule`);
  if (draft.counters && !['append', 'insert', 'replace', 'policy'].includes(name)) words.fail(`--set-counters means nothing with ${name}`);
  if (name !== 'list' && (draft.flags.numeric || draft.flags.exact || draft.flags.lineNumbers))
    words.fail(`-n, -x and --line-numbers mean nothing with ${name}`);
  if (chain !== undefined && name !== 'new-chain') {
    const problem = chain.length > 28 || chain === '' ? chainNameProblem(chain) : undefined;
    if (problem !== undefined) words.fail(problem);
  }
  if (!withRule.has(name) || chain === undefined) return;
  if (spec.outInterface && noOutput.includes(chain)) words.fail(`-o cannot be used in ${chain}: the way out is not known there`);
  if (spec.inInterface && noInput.includes(chain)) words.fail(`-i cannot be used in ${chain}: the packet has not come in there`);
}

export const isTableName = (name: string): name is TableName => Object.hasOwn(builtinChains, name);

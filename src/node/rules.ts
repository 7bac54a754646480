/**
 * The rules of a node, on the cold side: text read and compiled off the node's thread, handed over as shared arrays, written back as
 * `iptables-save` prints them with what has been counted since. A text that is refused leaves everything as it was.
 */
import { type Compiled, compile } from '../netfilter/execute/compile.ts';
import type { Program } from '../netfilter/execute/program.ts';
import type { ProgramText } from '../netfilter/execute/program-text.ts';
import { readIpSets } from '../netfilter/ipset/read.ts';
import { needsConntrack } from '../netfilter/needs-conntrack.ts';
import { EMPTY_RULE_SET, type Rule, type RuleSet, type TableName } from '../netfilter/ruleset.ts';
import type { Command } from '../netfilter/text/command.ts';
import { runCommandLine } from '../netfilter/text/command-line.ts';
import { readRuleSet } from '../netfilter/text/read.ts';
import { type WriteOptions, writeRuleSet } from '../netfilter/text/write.ts';

type IpSets = ReturnType<typeof readIpSets>;

export interface LoadOptions {
  /** Named in errors. */
  file?: string;
  /** Keep what is in force beside it (`iptables-restore --noflush`). */
  noflush?: boolean;
  /** Keep the tables that the text does not name (`iptables-restore`). */
  keepOthers?: boolean;
  /** Take counters from the text (`--counters`). */
  counters?: boolean;
  /** One table of the text (`--table`). */
  table?: string;
  /** Read and compile, and leave everything as it is (`--test`). */
  test?: boolean;
  lenient?: boolean;
  /** The sets that rules ask for, in the format of `ipset save`; absent: those of the last time. */
  sets?: { text: string; file: string };
}

export class NodeRules {
  #ruleSet: RuleSet = EMPTY_RULE_SET;
  #program: Program | null = null;
  #tracks = false;
  #text: ProgramText | undefined;
  /** Rules that cannot be executed were let in: later edits must not trip over them. */
  #lenient = false;
  #sets: IpSets | undefined;
  readonly #skipMasquerade: boolean;

  /** @param skipMasquerade a fault made on purpose: rules with MASQUERADE match and do nothing */
  constructor(skipMasquerade: boolean) {
    this.#skipMasquerade = skipMasquerade;
  }

  get program(): Program | null {
    return this.#program;
  }
  /** Does conntrack run? Once on, it stays on, as in the kernel. */
  get tracks(): boolean {
    return this.#tracks;
  }
  /** Words for the counters of the program in force. */
  get programText(): ProgramText | undefined {
    return this.#text;
  }

  /** @returns what to warn of. @throws TextError or LabError RULES, RULES_UNSUPPORTED: then nothing has changed. */
  load(text: string, options: LoadOptions = {}): { warnings: readonly string[] } {
    const keeps = options.noflush === true || options.keepOthers === true;
    const named = new Set<TableName>();
    const read = readRuleSet(text, {
      base: keeps ? this.#ruleSet : EMPTY_RULE_SET,
      ...options,
      onCommit: (_after, table) => void named.add(table),
    });
    // What stays goes on counting; a table that was written anew starts anew, as with iptables-restore.
    const restarts = options.noflush ? new Set<TableName>() : named;
    const sets = options.sets ? readIpSets(options.sets.text, options.sets.file) : this.#sets;
    const compiled = this.#compile(read.ruleSet, keeps, (table: TableName) => restarts.has(table), options, sets);
    if (!options.test) {
      this.#sets = sets;
      this.#lenient ||= options.lenient ?? false;
      this.#install(compiled);
    }
    return { warnings: [...read.warnings, ...compiled.text.warnings] };
  }

  /**
   * `iptables ARGS`: an edit, a check or a listing.
   * @throws RefusedCommand; TextError or LabError RULES, RULES_UNSUPPORTED: then nothing has changed.
   */
  command(args: readonly string[]): { output: string; warnings: readonly string[] } {
    const { command, table, output, warnings, ruleSet } = runCommandLine(args, this.#ruleSet);
    if (command.name === 'check') return { output, warnings };
    if (command.name === 'list' || command.name === 'list-rules') return { output: runCommandLine(args, this.#counted()).output, warnings };
    const zeroes =
      (command.name === 'zero' && command.number === undefined) || (command.name === 'policy' && command.counters !== undefined);
    const restarts = (of: TableName, chain: string) => zeroes && of === table && (command.chain ?? chain) === chain;
    const compiled = this.#compile(ruleSet, true, restarts, {}, this.#sets);
    this.#install(compiled);
    return { output, warnings: [...warnings, ...newWarnings(compiled, command)] };
  }

  /** As `iptables-save`. */
  save(options: WriteOptions = {}): string {
    return writeRuleSet(this.#counted(), options);
  }

  /** With what has been counted until now. */
  #counted(): RuleSet {
    return this.#text?.snapshot() ?? this.#ruleSet;
  }

  /** @param restarts does the policy of a chain count anew? Rules are known by themselves. */
  #compile(
    ruleSet: RuleSet,
    keeps: boolean,
    restarts: (table: TableName, chain: string) => boolean,
    { file, lenient = false }: LoadOptions,
    sets: IpSets | undefined,
  ): Compiled {
    const compiled = compile(this.#skipMasquerade ? withoutMasquerade(ruleSet) : ruleSet, {
      ...(keeps && this.#text !== undefined && { previous: this.#text }),
      ...(file !== undefined && { file }),
      ...(sets && { sets }),
      lenient: lenient || (keeps && this.#lenient),
    });
    const { carry } = compiled.program;
    for (const { table, chain, first } of compiled.text.chains)
      if (carry.length > 0 && chain.policy !== undefined && restarts(table, chain.name)) carry[first + chain.rules.length] = -1;
    return compiled;
  }

  #install({ program, text }: Compiled): void {
    this.#ruleSet = text.ruleSet;
    this.#tracks ||= needsConntrack(text.ruleSet);
    this.#program = program;
    this.#text = text;
  }
}

/** Of a rule that a command has brought; those of older rules were said when they came. */
const newWarnings = ({ text }: Compiled, { rules }: Command): readonly string[] =>
  rules.length === 0 ? [] : text.warnings.filter(w => !/^[^ ]*:\d+: /.test(w));

/** A rule that was made silent once stays the same object, so that it goes on counting. */
const silent = new WeakMap<Rule, Rule>();
function silenced(rule: Rule): Rule {
  if (rule.target?.kind !== 'MASQUERADE') return rule;
  let made = silent.get(rule);
  if (made === undefined) {
    const { target: _target, ...rest } = rule;
    made = rest;
    silent.set(rule, made);
  }
  return made;
}

function withoutMasquerade(ruleSet: RuleSet): RuleSet {
  const tables = [...ruleSet.tables].map(([name, table]) => {
    const chains = new Map([...table.chains].map(([chain, c]) => [chain, { ...c, rules: c.rules.map(silenced) }] as const));
    return [name, { ...table, chains }] as const;
  });
  return { tables: new Map(tables) };
}

/**
 * The rules of a node, on the cold side: text read and compiled off the node's thread, handed over as shared arrays, written back as
 * `iptables-save` prints them with what has been counted since. What changes a few chains of many is handed over as a patch. A text that
 * is refused leaves everything as it was.
 */
import { VersionedMap } from '../base/versioned-map.ts';
import { compile } from '../netfilter/execute/compile.ts';
import { LinkedProgram } from '../netfilter/execute/linked-program.ts';
import type { Patch, Program } from '../netfilter/execute/program.ts';
import type { ProgramText } from '../netfilter/execute/program-text.ts';
import { readIpSets } from '../netfilter/ipset/read.ts';
import { needsConntrack } from '../netfilter/needs-conntrack.ts';
import { type Chain, EMPTY_RULE_SET, type Rule, type RuleSet, type TableName } from '../netfilter/ruleset.ts';
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

/** What the node's thread is to be told, in this order. */
export type RulesNews = { readonly program: Program } | { readonly patch: Patch };

export class NodeRules {
  #ruleSet: RuleSet = EMPTY_RULE_SET;
  #linked: LinkedProgram | undefined;
  #news: RulesNews[] = [];
  #tracks = false;
  /** Rules that cannot be executed were let in: later edits must not trip over them. */
  #lenient = false;
  #sets: IpSets | undefined;
  readonly #skipMasquerade: boolean;

  /** @param skipMasquerade a fault made on purpose: rules with MASQUERADE match and do nothing */
  constructor(skipMasquerade: boolean) {
    this.#skipMasquerade = skipMasquerade;
  }

  /** Patches that were made since it was compiled stand in it but for what its thread has been told; before its thread is there: all. */
  get program(): Program | null {
    return this.#linked?.program ?? null;
  }
  /** What has changed since this was last asked. */
  takeNews(): readonly RulesNews[] {
    return this.#news.splice(0);
  }
  /** Does conntrack run? Once on, it stays on, as in the kernel. */
  get tracks(): boolean {
    return this.#tracks;
  }
  /** Words for the counters of the program in force. */
  get programText(): ProgramText | undefined {
    return this.#linked?.text;
  }

  /** @returns what to warn of. @throws TextError or LabError RULES, RULES_UNSUPPORTED: then nothing has changed. */
  load(text: string, options: LoadOptions = {}): { warnings: readonly string[] } {
    const keeps = options.noflush === true || options.keepOthers === true;
    const base = keeps ? this.#ruleSet : EMPTY_RULE_SET;
    const known = keeps ? this.#linked : undefined;
    const { ruleSet, restarted, recounted, warnings } = readRuleSet(text, { base, ...options, ...(known && { known }) });
    const sets = options.sets ? readIpSets(options.sets.text, options.sets.file) : this.#sets;
    const said = this.#put(ruleSet, { ...options, keeps, restarted, recounted }, sets);
    if (!options.test) {
      this.#sets = sets;
      this.#lenient ||= options.lenient ?? false;
    }
    return { warnings: [...warnings, ...said] };
  }

  /**
   * Rules as data. What is the same object as before goes on counting.
   * @returns what to warn of. @throws LabError RULES, RULES_UNSUPPORTED: then nothing has changed.
   */
  install(ruleSet: RuleSet): { warnings: readonly string[] } {
    return { warnings: this.#put(ruleSet, { keeps: true }, this.#sets) };
  }

  /** Other sets under the same rules, in the format of `ipset save`. @throws TextError or LabError: then nothing has changed */
  loadSets(text: string, file: string): void {
    const sets = readIpSets(text, file);
    this.#put(this.#ruleSet, { keeps: true }, sets);
    this.#sets = sets;
  }

  /**
   * `iptables ARGS`: an edit, a check or a listing.
   * @throws RefusedCommand; TextError or LabError RULES, RULES_UNSUPPORTED: then nothing has changed.
   */
  command(args: readonly string[]): { output: string; warnings: readonly string[] } {
    const known = this.#linked && { known: this.#linked };
    const { command, table, output, warnings, ruleSet, restarted } = runCommandLine(args, this.#ruleSet, known);
    if (command.name === 'check' || (command.name === 'list-rules' && !command.list.verbose)) return { output, warnings };
    if (command.name === 'list' || command.name === 'list-rules')
      return { output: runCommandLine(args, this.#counted({ table, chain: command.chain })).output, warnings };
    const said = this.#put(ruleSet, { keeps: true, restarted: new Map([[table, restarted]]) }, this.#sets);
    return { output, warnings: [...warnings, ...newWarnings(said, command)] };
  }

  /** As `iptables-save`. */
  save(options: WriteOptions = {}): string {
    return writeRuleSet(this.#counted(), options);
  }

  /** With what has been counted until now. */
  #counted(only?: { table: TableName; chain: string | undefined }): RuleSet {
    return this.#linked?.text.snapshot(only) ?? this.#ruleSet;
  }

  /** @returns what to warn of */
  #put(
    read: RuleSet,
    { keeps, file, lenient = false, restarted, recounted, test = false }: PutOptions,
    sets: IpSets | undefined,
  ): readonly string[] {
    const ruleSet = this.#skipMasquerade ? withoutMasquerade(read) : read;
    const options = {
      ...(file !== undefined && { file }),
      ...(restarted && { restarted }),
      ...(recounted && { recounted }),
      ...(sets && { sets }),
      lenient: lenient || (keeps && this.#lenient),
      test,
    };
    const changed = keeps && sets === this.#sets ? this.#linked?.change(ruleSet, options) : undefined;
    if (changed !== undefined) {
      if (changed.patch !== null) this.#news.push({ patch: changed.patch });
      if (!test) this.#installed(ruleSet);
      return changed.warnings;
    }
    const previous = keeps ? this.#linked?.text : undefined;
    const compiled = compile(ruleSet, { ...options, ...(previous && { previous }) });
    if (!test) {
      this.#linked = new LinkedProgram(compiled);
      this.#news = [{ program: compiled.program }];
      this.#installed(ruleSet);
    }
    return compiled.text.warnings;
  }

  #installed(ruleSet: RuleSet): void {
    this.#ruleSet = ruleSet;
    this.#tracks ||= needsConntrack(ruleSet);
  }
}

interface PutOptions {
  /** Does the rule set go on with the one before? */
  readonly keeps: boolean;
  readonly restarted?: ReadonlyMap<TableName, ReadonlySet<string>>;
  readonly recounted?: ReadonlyMap<TableName, ReadonlySet<string>>;
  readonly file?: string;
  readonly lenient?: boolean;
  readonly test?: boolean;
}

/** Of a rule that a command has brought; those of older rules were said when they came. */
const newWarnings = (said: readonly string[], { rules }: Command): readonly string[] =>
  rules.length === 0 ? [] : said.filter(w => !/^[^ ]*:\d+: /.test(w));

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
    const changes: [string, Chain][] = [];
    for (const [chain, c] of table.chains)
      if (c.rules.some(rule => rule.target?.kind === 'MASQUERADE')) changes.push([chain, { ...c, rules: c.rules.map(silenced) }]);
    return [name, changes.length === 0 ? table : { name, chains: VersionedMap.of(table.chains).with(changes) }] as const;
  });
  return { tables: new Map(tables) };
}

/**
 * The rules of a node, on the cold side: text read and compiled off the node's thread, handed over as shared arrays, written back as
 * `iptables-save` prints them with what has been counted since. A text that is refused leaves everything as it was.
 */
import { compile } from '../netfilter/execute/compile.ts';
import type { Program } from '../netfilter/execute/program.ts';
import type { ProgramText } from '../netfilter/execute/program-text.ts';
import { needsConntrack } from '../netfilter/needs-conntrack.ts';
import { EMPTY_RULE_SET, type Rule, type RuleSet } from '../netfilter/ruleset.ts';
import { readRuleSet } from '../netfilter/text/read.ts';
import { writeRuleSet } from '../netfilter/text/write.ts';

export interface LoadOptions {
  /** Named in errors. */
  file?: string;
  /** Keep what is in force beside it (`iptables-restore --noflush`). */
  noflush?: boolean;
  lenient?: boolean;
}

export class NodeRules {
  #ruleSet: RuleSet = EMPTY_RULE_SET;
  #program: Program | null = null;
  #tracks = false;
  #text: ProgramText | undefined;
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

  /** @returns the program to install. @throws TextError or LabError RULES, RULES_UNSUPPORTED: then nothing has changed. */
  load(text: string, options: LoadOptions = {}): { program: Program; warnings: readonly string[] } {
    const read = readRuleSet(text, { base: options.noflush ? this.#ruleSet : EMPTY_RULE_SET, ...options });
    const ruleSet = this.#skipMasquerade ? withoutMasquerade(read.ruleSet) : read.ruleSet;
    // A whole text starts its counters anew, as iptables-restore does; beside `--noflush` what stays goes on counting.
    const previous = this.#text === undefined || !options.noflush ? {} : { previous: this.#text };
    const compiled = compile(ruleSet, {
      ...previous,
      ...(options.file === undefined ? {} : { file: options.file }),
      lenient: options.lenient ?? false,
    });
    this.#ruleSet = ruleSet;
    this.#tracks ||= needsConntrack(ruleSet);
    this.#program = compiled.program;
    this.#text = compiled.text;
    return { program: compiled.program, warnings: [...read.warnings, ...compiled.text.warnings] };
  }

  /** As `iptables-save`, with counters on rules when asked. */
  save(counters: boolean): string {
    return writeRuleSet(this.#text?.snapshot() ?? this.#ruleSet, { counters });
  }
}

function withoutMasquerade(ruleSet: RuleSet): RuleSet {
  const silent = ({ target, ...rule }: Rule): Rule => (target?.kind === 'MASQUERADE' ? rule : target ? { ...rule, target } : rule);
  const tables = [...ruleSet.tables].map(([name, table]) => {
    const chains = new Map([...table.chains].map(([chain, c]) => [chain, { ...c, rules: c.rules.map(silent) }] as const));
    return [name, { ...table, chains }] as const;
  });
  return { tables: new Map(tables) };
}

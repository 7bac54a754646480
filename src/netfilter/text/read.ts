/**
 * Reads a file as iptables-restore does and applies it to a rule set. Pure: the old rule set stays as it was, and a file with a
 * mistake changes nothing. Tables are taken one by one at their COMMIT; `onCommit` sees each of them.
 */
import { TextError } from '../../base/errors.ts';
import { builtinChains, EMPTY_RULE_SET, emptyTable, type RuleSet, type Table, type TableName } from '../ruleset.ts';
import { apply } from './apply.ts';
import { isTableName, readCommand, readCounter } from './command.ts';
import { checkTable, describeProblem, type TableProblem } from './table-check.ts';
import { EditError, TableDraft } from './table-draft.ts';
import { type NamedObjects, Words } from './words.ts';

export interface ReadOptions {
  /** What the file is applied to: tables that it does not name stay. Nothing unless given. */
  readonly base?: RuleSet;
  /** Name for complaints. */
  readonly file?: string;
  /** `--noflush`: keep what the file does not speak of. */
  readonly noflush?: boolean;
  /** `--counters`: take counters from the file, else they start at 0. */
  readonly counters?: boolean;
  /** `--table`: skip the others. */
  readonly table?: string;
  /** A rule that is not supported is kept, printed back as it stood, and never matches. */
  readonly lenient?: boolean;
  /** Accounting objects, sets and estimators that exist; a kind that is absent is not checked. */
  readonly objects?: NamedObjects;
  readonly known?: KnownRules;
  readonly onCommit?: (after: RuleSet, table: TableName) => void;
}

/** What somebody who holds `base` knows of it, so that a short text costs no look at all of it. */
export interface KnownRules {
  /** As `checkTable`. */
  check(table: Table): TableProblem | undefined;
  /** How many rules of a table of `base` jump or go to a chain. */
  references(table: TableName, chain: string): number;
}

export interface ReadResult {
  readonly ruleSet: RuleSet;
  /** Built-in chains whose own counters start anew, by table: the text gave them a policy, or emptied the table. */
  readonly restarted: ReadonlyMap<TableName, ReadonlySet<string>>;
  /** Chains of which all rules count anew though some are the objects that they were. */
  readonly recounted: ReadonlyMap<TableName, ReadonlySet<string>>;
  /** Each with file, line and column. */
  readonly warnings: readonly string[];
}

/** @throws TextError RULES or RULES_UNSUPPORTED with line and column */
export function readRuleSet(text: string, options: ReadOptions = {}): ReadResult {
  const reader = new Reader(text, options);
  try {
    return reader.run();
  } catch (error) {
    // A rule that was known by its line has the number of another text's line.
    if (reader.knewLines) return new Reader(text, options, false).run();
    throw error;
  }
}

class Reader {
  private readonly text: string;
  private readonly options: ReadOptions;
  private readonly words: Words;
  private tables: Map<TableName, Table>;
  private readonly restarted = new Map<TableName, Set<string>>();
  private readonly recounted = new Map<TableName, Set<string>>();
  /** Rules are known by their lines. */
  private readonly byLine: boolean;
  private draft: TableDraft | undefined;
  /** Inside a table that `--table` leaves out. */
  private skipping = false;
  private lineNumber = 0;
  /** Where the first NUL character stands, or -1. */
  private readonly nul: number;

  constructor(text: string, options: ReadOptions, byLine = options.noflush === true && options.known !== undefined) {
    this.text = text;
    this.byLine = byLine;
    this.nul = text.indexOf('\0');
    this.options = options;
    this.words = new Words(options.file ?? 'rules', options.objects);
    this.tables = new Map((options.base ?? EMPTY_RULE_SET).tables);
  }

  /** Was any? */
  get knewLines(): boolean {
    return this.recounted.size > 0 || (this.draft?.recounted.size ?? 0) > 0;
  }

  run(): ReadResult {
    const { text } = this;
    for (let from = 0; from < text.length; ) {
      const end = text.indexOf('\n', from);
      const to = end < 0 ? text.length : end;
      this.lineNumber++;
      this.words.line = this.lineNumber;
      if (to > from) this.line(from, to);
      from = to + 1;
    }
    if (this.draft || this.skipping) this.fail(1, 'the file ends inside a table: expected COMMIT');
    const { restarted, recounted } = this;
    return { ruleSet: { tables: this.tables }, restarted, recounted, warnings: this.words.warnings.map(w => w.message) };
  }

  private fail(column: number, message: string): never {
    throw new TextError('RULES', { file: this.words.file, line: this.lineNumber, column }, message);
  }

  private line(from: number, to: number): void {
    const first = this.text.charCodeAt(from);
    if (first === 0x23) return; // #
    if (this.text.charCodeAt(to - 1) === 0x0d) this.fail(to - from, 'the line ends with a carriage return: expected a line feed alone');
    if (this.nul >= from && this.nul < to) this.fail(this.nul - from + 1, 'a NUL character: the text ends there for iptables');
    const inTable = this.draft !== undefined || this.skipping;
    if (inTable && to - from === 6 && this.text.startsWith('COMMIT', from)) this.commit();
    else if (!inTable && first === 0x2a)
      this.table(this.text.slice(from + 1, to)); // *
    else if (!inTable) this.fail(1, `expected "*table", found "${this.text.slice(from, Math.min(to, from + 40))}"`);
    else if (this.skipping) return;
    else if (first === 0x3a)
      this.chain(this.text.slice(from + 1, to)); // :
    else this.rule(from, to);
  }

  private table(rest: string): void {
    const name = rest.trim().split(/[ \t]/, 1)[0]!;
    if (name === 'security')
      throw new TextError(
        'RULES_UNSUPPORTED',
        { file: this.words.file, line: this.lineNumber, column: 2 },
        'table "security" is not supported',
      );
    if (!isTableName(name)) this.fail(2, `there is no table "${name}": expected one of ${Object.keys(builtinChains).join(', ')}`);
    if (this.options.table !== undefined && this.options.table !== name) {
      this.skipping = true;
      return;
    }
    const { known, base } = this.options;
    const table = this.tables.get(name);
    const references =
      known && table !== undefined && table === base?.tables.get(name) ? (c: string) => known.references(name, c) : undefined;
    this.draft = new TableDraft(table ?? emptyTable(name), references);
    if (!this.options.noflush) this.draft.clear();
  }

  private chain(rest: string): void {
    const draft = this.draft!;
    const [name, policy, counters] = rest.trim().split(/[ \t]+/);
    if (!name) throw this.fail(2, 'expected the name of a chain');
    if (policy === undefined) throw this.fail(2 + name.length, `expected the policy of chain "${name}", or - for a chain without one`);
    const read = counters === undefined ? undefined : /^\[(\d+):(\d+)\]/.exec(counters);
    if (policy !== '-' && (read === null || (counters === undefined && this.options.counters)))
      this.fail(rest.indexOf(counters ?? policy) + 2, `bad counters "${counters ?? ''}" of chain "${name}": expected [packets:bytes]`);
    this.edit(2, () => {
      if (!draft.isBuiltin(name)) {
        if (this.options.noflush && draft.has(name)) draft.flush(name);
        else draft.create(name);
      }
      if (policy === '-') return;
      const taken = this.options.counters && read ? { packets: readCounter(read[1]!)!, bytes: readCounter(read[2]!)! } : undefined;
      draft.setPolicy(name, policy, taken);
    });
  }

  private rule(from: number, to: number): void {
    const { words, text, options } = this;
    if (this.byLine && this.draft!.appendKnown(text, from, to)) return;
    let start = from;
    let counters: { packets: number; bytes: number } | undefined;
    if (text.charCodeAt(from) === 0x5b) {
      const close = text.indexOf(']', from);
      const m = close > 0 && close < to ? /^\[(\d+):(\d+)\]$/.exec(text.slice(from, close + 1)) : null;
      if (!m) this.fail(1, 'bad counters: expected [packets:bytes] in front of the rule');
      if (options.counters) counters = { packets: readCounter(m[1]!)!, bytes: readCounter(m[2]!)! };
      start = close + 1;
    }
    words.cut(text, start, to, this.lineNumber, start - from + 1);
    if (words.count === 0) this.fail(1, 'expected a command such as -A CHAIN');
    const draft = this.draft!;
    const said = words.warnings.length;
    const command = readCommand(words, {
      isChain: draft.has,
      file: true,
      ...(options.lenient && { lenient: (e: Error) => words.warnings.push(e as TextError), line: text.slice(from, to) }),
    });
    const line = this.byLine && words.warnings.length === said ? text.slice(from, to) : undefined;
    this.edit(1, () => apply(draft, command, counters, line));
  }

  /** Runs an edit; its complaints get this line. */
  private edit(column: number, run: () => void): void {
    try {
      run();
    } catch (error) {
      if (error instanceof EditError) this.fail(column, error.message);
      throw error;
    }
  }

  private commit(): void {
    this.skipping = false;
    const { draft } = this;
    if (draft === undefined) return;
    const table = draft.finish();
    const problem = (this.options.known?.check ?? checkTable)(table);
    if (problem) {
      // A rule that stood there before the file carries the number of another file's line.
      const before = this.options.base?.tables.get(table.name)?.chains.get(problem.chain)?.rules.includes(problem.rule);
      const line = !before && problem.rule.line > 0 ? problem.rule.line : this.lineNumber;
      throw new TextError('RULES', { file: this.words.file, line, column: 1 }, describeProblem(problem));
    }
    this.tables = new Map(this.tables).set(table.name, table);
    this.restarted.set(table.name, new Set([...(this.restarted.get(table.name) ?? []), ...draft.restarted]));
    if (draft.recounted.size > 0) this.recounted.set(table.name, new Set([...(this.recounted.get(table.name) ?? []), ...draft.recounted]));
    this.draft = undefined;
    this.options.onCommit?.({ tables: this.tables }, table.name);
  }
}

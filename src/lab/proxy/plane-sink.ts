/**
 * A sink that writes a node's rules by iptables-save and iptables-restore, whichever data plane runs there: the kernel's tools, nft or
 * legacy, or the router's, which swaps the compiled rules in between two batches. Other rules on the node stay.
 */
import { LabError } from '../../base/errors.ts';
import { builtinChains } from '../../netfilter/ruleset.ts';
import type { ToolName } from '../../node/tool.ts';
import { type BaseJump, canaryTables } from '../../proxy/iptables/base-jumps.ts';
import type { StateTable } from '../../proxy/iptables/chain-state.ts';
import { Chain } from '../../proxy/iptables/names.ts';
import { type Restore, restoreText } from '../../proxy/iptables/restore.ts';
import { ruleWords } from '../../proxy/iptables/rule-text.ts';
import { savedText } from '../../proxy/iptables/saved-text.ts';
import type { RuleSink } from '../../proxy/iptables/sink.ts';
import { type Accounting, noAccounting } from './accounting.ts';
import { runOn, type ToolPlane } from './run-tool.ts';

/** Somebody else may be writing: seconds to wait for the lock. */
const WAIT = '--wait=5';

export class PlaneSink implements RuleSink {
  readonly #plane: ToolPlane;
  readonly #accounting: Accounting;
  /** What table filter was last given. */
  #filter: string | undefined;

  constructor(plane: ToolPlane, accounting: Accounting = noAccounting) {
    this.#plane = plane;
    this.#accounting = accounting;
  }

  /** What is missing is written in one go, each jump in front of its chain. */
  async ensureBase(jumps: readonly BaseJump[], tables: readonly StateTable[]): Promise<void> {
    const saved = await this.saved();
    const missing = new Map<string, { chains: Set<string>; rules: string[] }>();
    const of = (table: string) => {
      const lines = missing.get(table) ?? { chains: new Set(), rules: [] };
      missing.set(table, lines);
      return lines;
    };
    const chain = (table: string, name: string): void => {
      if (!saved.get(table)?.chains.has(name)) of(table).chains.add(name);
    };
    for (const table of tables) chain(table, Chain.Canary);
    for (const { table, rule } of jumps) {
      if (rule.target?.kind === 'jump') chain(table, rule.target.chain);
      if (!saved.get(table)?.rules.has(savedText(rule, 'IPv4'))) of(table).rules.push(`-I ${rule.chain} ${quoted(ruleWords(rule))}`);
    }
    if (missing.size === 0) return;
    const text = [...missing].map(([table, { chains, rules }]) =>
      [`*${table}`, ...[...chains].map(name => `:${name} - [0:0]`), ...rules, 'COMMIT\n'].join('\n'),
    );
    await this.#must('iptables-restore', [WAIT, '--noflush'], text.join(''));
  }

  protected async saved(): Promise<Map<string, SavedTable>> {
    return savedTables(await this.#must('iptables-save', []));
  }

  ensureCounter(name: string): boolean {
    return this.#accounting.ensure(name);
  }
  counted(name: string): number | undefined {
    return this.#accounting.packets(name);
  }

  async natChains(): Promise<Iterable<string>> {
    return savedTables(await this.#must('iptables-save', ['-t', 'nat'])).get('nat')?.chains ?? [];
  }

  /**
   * iptables-restore commits table by table, and half a text is worse than the old one: when it stops behind the first table, that table
   * gets back what it had; it is written whole with every sync. The first text of all is tried without being committed.
   */
  async restore(restore: Restore): Promise<void> {
    const text = restoreText(restore);
    const options = [WAIT, '--noflush', '--counters'];
    if (this.#filter === undefined) await this.#must('iptables-restore', ['--test', ...options], text);
    try {
      await this.#must('iptables-restore', options, text);
    } catch (error) {
      if (this.#filter !== undefined) await runOn(this.#plane, 'iptables-restore', options, this.#filter);
      throw error;
    }
    this.#filter = text.slice(0, text.indexOf('*nat\n'));
  }

  async canariesStand(): Promise<boolean> {
    const look = (table: string) => runOn(this.#plane, 'iptables', ['-t', table, '-S', Chain.Canary]);
    for (const table of canaryTables) if ((await look(table)).status !== 0) return false;
    return true;
  }

  /** @throws LabError RULES with what the tool said */
  async #must(tool: ToolName, args: readonly string[], input = ''): Promise<string> {
    const { status, stdout, stderr } = await runOn(this.#plane, tool, args, input);
    if (status !== 0) throw new LabError('RULES', `${[tool, ...args].join(' ')}: ${oneLine(stderr) || `exit ${status}`}`);
    return stdout;
  }
}

const oneLine = (text: string): string => text.trim().replace(/\s*\n\s*/g, '; ');

/** As a line of iptables-restore reads them. */
const quoted = (words: readonly string[]): string =>
  words.map(w => (/^[\w./:,!-]+$/.test(w) ? w : `"${w.replaceAll('"', '\\"')}"`)).join(' ');

export interface SavedTable {
  readonly chains: Set<string>;
  /** Lines of the built-in chains: jumps are looked for there alone. */
  readonly rules: Set<string>;
}

function savedTables(text: string): Map<string, SavedTable> {
  const tables = new Map<string, SavedTable>();
  const builtin = new Set<string>(Object.values(builtinChains).flat());
  let table: SavedTable | undefined;
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      table = { chains: new Set(), rules: new Set() };
      tables.set(line.slice(1), table);
    } else if (line.startsWith(':')) table?.chains.add(line.slice(1, line.indexOf(' ')));
    else if (line.startsWith('-A ') && builtin.has(line.slice(3, line.indexOf(' ', 3)))) table?.rules.add(line);
  }
  return tables;
}

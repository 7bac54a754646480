/**
 * A sink that speaks to iptables by its commands, as kube-proxy does (kubernetes `pkg/util/iptables/iptables.go`): those of the kernel, nft
 * or legacy, in a node's namespace, or the router's own. Who hands `run` in decides which.
 */
import { LabError } from '../../base/errors.ts';
import type { BaseJump } from './base-jumps.ts';
import { canaryTables } from './base-jumps.ts';
import type { StateTable } from './chain-state.ts';
import { Chain } from './names.ts';
import { type Restore, restoreText } from './restore.ts';
import { ruleWords } from './rule-text.ts';
import type { RuleSink } from './sink.ts';

export type IptablesTool = 'iptables' | 'iptables-save' | 'iptables-restore';
export interface ToolOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}
/** Runs one command; a status that is not 0 is no exception. */
export type RunTool = (tool: IptablesTool, args: readonly string[], input: string) => Promise<ToolOutcome>;

export class ToolSink implements RuleSink {
  readonly #run: RunTool;

  constructor(run: RunTool) {
    this.#run = run;
  }

  async ensureBase(jumps: readonly BaseJump[], tables: readonly StateTable[]): Promise<void> {
    for (const table of tables) await this.#ensureChain(table, Chain.Canary);
    for (const { table, rule } of jumps) {
      if (rule.target?.kind === 'jump') await this.#ensureChain(table, rule.target.chain);
      const words = ruleWords(rule);
      const { status } = await this.#run('iptables', ['-t', table, '-C', rule.chain, ...words], '');
      if (status !== 0) await this.#must('iptables', ['-t', table, '-I', rule.chain, ...words]);
    }
  }

  /** iptables makes no accounting objects: without them rules go uncounted, as with kube-proxy. */
  ensureCounter(): boolean {
    return false;
  }
  counted(): undefined {}

  async natChains(): Promise<Iterable<string>> {
    const text = await this.#must('iptables-save', ['-t', 'nat']);
    return [...text.matchAll(/^:(\S+) /gm)].map(m => m[1]!);
  }

  async restore(restore: Restore): Promise<void> {
    await this.#must('iptables-restore', ['--noflush', '--counters'], restoreText(restore));
  }

  async canariesStand(): Promise<boolean> {
    for (const table of canaryTables) if (!(await this.#hasChain(table, Chain.Canary))) return false;
    return true;
  }

  async #ensureChain(table: string, chain: string): Promise<void> {
    if (!(await this.#hasChain(table, chain))) await this.#must('iptables', ['-t', table, '-N', chain]);
  }

  async #hasChain(table: string, chain: string): Promise<boolean> {
    return (await this.#run('iptables', ['-t', table, '-S', chain], '')).status === 0;
  }

  /** @throws LabError RULES with what the tool said */
  async #must(tool: IptablesTool, args: readonly string[], input = ''): Promise<string> {
    const { status, stdout, stderr } = await this.#run(tool, args, input);
    if (status !== 0) throw new LabError('RULES', `${tool} ${args.join(' ')}: ${stderr.trim()}`);
    return stdout;
  }
}

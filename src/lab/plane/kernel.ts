/** A node whose packets the Linux kernel carries: its own tools, run in the node's namespace. */
import { LabError } from '../../base/errors.ts';
import type { TraceLine } from '../../capture/trace-text.ts';
import { follows, type ToolName, type ToolResult } from '../../node/tool.ts';
import { insideNetns } from '../../os/netns.ts';
import { inNetns, netnsPath, run, runCommand, runOrThrow, runUntil } from '../shell.ts';
import type { Command } from '../topology/command.ts';
import type { DataPlane } from './data-plane.ts';
import { KernelSets } from './kernel-sets.ts';
import { KernelTrace } from './kernel-trace.ts';

export const restoreCommand = (namespace: string, text: string): Command => ({
  tool: 'exec',
  namespace,
  argv: ['iptables-restore'],
  stdin: text,
});

export class KernelPlane implements DataPlane {
  readonly kind = 'kernel';
  readonly failed = new Promise<never>(() => undefined); // it does not
  readonly #node: string;
  #trace: KernelTrace | undefined;

  constructor(node: string) {
    this.#node = node;
  }

  async tool(
    name: ToolName,
    args: readonly string[],
    input: string,
    onText: (text: string) => void,
    gone: AbortSignal,
  ): Promise<ToolResult> {
    const argv = inNetns(this.#node, [name, ...args]);
    const { code, stdout, stderr } = await (follows(name, args) ? runUntil(argv, onText, gone) : run(argv, { stdin: input }));
    return { stdout, stderr, status: code ?? 0 };
  }

  conntrack(args: readonly string[]): Promise<string> {
    return runOrThrow(inNetns(this.#node, ['conntrack', ...args]));
  }

  rulesText(counters: boolean): Promise<string> {
    return runOrThrow(inNetns(this.#node, ['iptables-save', ...(counters ? ['-c'] : [])]));
  }

  async loadRules(text: string): Promise<void> {
    // `--test` first: iptables-legacy-restore commits table by table, and half a text is worse than the old one
    const { code, stderr } = await run(inNetns(this.#node, ['iptables-restore', '--test']), { stdin: text });
    if (code !== 0) throw new LabError('RULES', `${this.#node}: iptables-restore: ${stderr.trim()}`);
    await runCommand(restoreCommand(this.#node, text + (await this.#emptied(text))));
  }

  async loadSets(text: string): Promise<void> {
    insideNetns(netnsPath(this.#node), () => {
      const sets = new KernelSets();
      try {
        sets.replace(text);
      } finally {
        sets.close();
      }
    });
  }

  /** iptables-restore leaves the tables that a text does not name: a whole set of rules empties them. */
  async #emptied(text: string): Promise<string> {
    const tables = (await this.rulesText(false)).split(/^(?=\*)/m).filter(table => table.startsWith('*'));
    const others = tables.filter(table => !text.split('\n').includes(table.split('\n', 1)[0]!));
    return others
      .map(table =>
        [table.split('\n', 1)[0], ...(table.match(/^:\S+ (?=[A-Z])/gm) ?? []).map(chain => `${chain}ACCEPT [0:0]`), 'COMMIT\n'].join('\n'),
      )
      .join('');
  }

  async setNetwork(): Promise<void> {
    // `ip` and `bridge` have told it
  }

  async lookAtPorts(): Promise<void> {
    // the bridge is the kernel's own
  }

  async changeRoutes(): Promise<never> {
    throw new LabError('BAD_INPUT', `${this.#node}: the routes of a kernel node are changed by the real program`);
  }

  async advance(): Promise<never> {
    throw new LabError('BAD_INPUT', `${this.#node}: the clock of a kernel node is the machine's and cannot jump`);
  }

  async links(): Promise<null> {
    return null;
  }

  async counters(): Promise<null> {
    return null;
  }

  ruleName(): undefined {
    return undefined;
  }

  async beginTrace(): Promise<string | undefined> {
    const trace = await KernelTrace.start(this.#node);
    if (typeof trace === 'string') return trace;
    this.#trace = trace;
    return undefined;
  }

  async trace(on: boolean): Promise<void> {
    await this.#trace?.mark(on);
  }

  async endTrace(): Promise<TraceLine[]> {
    const lines = await this.#trace?.stop();
    this.#trace = undefined;
    return lines ?? [];
  }

  async stop(): Promise<void> {
    // nothing runs for it
  }
}

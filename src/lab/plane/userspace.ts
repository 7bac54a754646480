/** A node whose packets the TypeScript router carries, on the same wires. */

import { printRule } from '../../netfilter/text/rule-printer.ts';
import type { RouterDescription } from '../../node/description.ts';
import { type RunningNode, startNode } from '../../node/node.ts';
import { runTool } from '../../node/node-commands.ts';
import type { NodeCounters } from '../../node/protocol.ts';
import type { ToolName, ToolResult } from '../../node/tool.ts';
import { netnsPath } from '../shell.ts';
import type { DataPlane } from './data-plane.ts';

export interface UserspaceOptions {
  node: string;
  description: RouterDescription;
  /** '' for none. */
  rules: string;
  seed: number;
  traceRing: SharedArrayBuffer;
  warn: (line: string) => void;
}

export class UserspacePlane implements DataPlane {
  readonly kind = 'userspace';
  readonly failed: Promise<Error | undefined>;
  readonly running: RunningNode;
  readonly #node: string;
  readonly #traceRing: SharedArrayBuffer;

  private constructor({ node, traceRing }: UserspaceOptions, running: RunningNode) {
    this.#node = node;
    this.#traceRing = traceRing;
    this.running = running;
    this.failed = running.exited;
  }

  /** @throws LabError of whatever could not be opened, set or parsed */
  static async start(options: UserspaceOptions): Promise<UserspacePlane> {
    const running = await startNode({
      netns: netnsPath(options.node),
      description: options.description,
      ...(options.rules === '' ? {} : { rules: { text: options.rules, file: `the rules of ${options.node}` } }),
      traceRing: options.traceRing,
      seed: options.seed,
      onWarning: message => options.warn(`${options.node}: ${message}`),
    });
    return new UserspacePlane(options, running);
  }

  tool(name: ToolName, args: readonly string[], input: string, onText: (text: string) => void, gone: AbortSignal): Promise<ToolResult> {
    return runTool(this.running, name, args, input, onText, gone);
  }

  conntrack(args: readonly string[]): Promise<string> {
    return this.running.conntrack(args);
  }

  async rulesText(counters: boolean): Promise<string> {
    return this.running.saveRules(counters);
  }

  async loadRules(text: string): Promise<void> {
    this.running.loadRules(text, { file: `the rules of ${this.#node}` });
  }

  advance(seconds: number): Promise<void> {
    return this.running.advance(seconds);
  }

  counters(): Promise<NodeCounters> {
    return this.running.counters();
  }

  ruleText(counter: number): string | undefined {
    const found = this.running.programText?.of(counter);
    if (found === undefined) return undefined;
    const { table, chain, number, rule } = found;
    return rule === undefined ? `${table} ${chain} policy` : `${table} ${chain} rule ${number}: ${printRule(rule).trim()}`;
  }

  trace(on: boolean): void {
    this.running.trace(on ? this.#traceRing : null);
  }

  async stop(): Promise<void> {
    await this.running.stop();
  }
}

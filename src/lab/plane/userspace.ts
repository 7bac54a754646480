/** A node whose packets the TypeScript router carries, on the same wires. */

import type { RuleName } from '../../capture/trace-text.ts';
import type { ProgramText } from '../../netfilter/execute/program-text.ts';
import { EMPTY_RULE_SET } from '../../netfilter/ruleset.ts';
import { printRule } from '../../netfilter/text/rule-printer.ts';
import type { RouterDescription } from '../../node/description.ts';
import type { NodeLinks } from '../../node/links.ts';
import type { Network } from '../../node/network.ts';
import { type RunningNode, startNode } from '../../node/node.ts';
import { runTool } from '../../node/node-commands.ts';
import type { NodeCounters } from '../../node/protocol.ts';
import type { ToolName, ToolResult } from '../../node/tool.ts';
import { changeRoutes, NO_CHANGES, type RouteChanges, withChanges } from '../inside/route-change.ts';
import { describeNode } from '../node-shell.ts';
import { netnsPath } from '../shell.ts';
import { hairpinMacs } from './bridge-ports.ts';
import type { DataPlane, RuleHolder } from './data-plane.ts';

/** Sets of rules whose words are kept: far more than the steps of an exercise load. */
const MOST_PROGRAMS = 200;

export interface UserspaceOptions {
  node: string;
  description: RouterDescription;
  /** '' for none. */
  rules: string;
  /** Those that the rules ask for, as lines of `ipset save`. */
  sets?: string;
  seed: number;
  traceRing: SharedArrayBuffer;
  warn: (line: string) => void;
}

export class UserspacePlane implements DataPlane {
  readonly kind = 'userspace';
  readonly failed: Promise<Error | undefined>;
  readonly running: RunningNode;
  readonly ruleHolder: RuleHolder;
  readonly #node: string;
  readonly #traceRing: SharedArrayBuffer;
  #description: RouterDescription;
  /** Of the lab, and what was changed by hand. */
  #routes: RouterDescription['routes'];
  #changes: RouteChanges = NO_CHANGES;
  #endTrace: (() => void) | undefined;
  /** What was in force since when (ns since 1970): the trace numbers rules by the program of its time. */
  readonly #programs: { sinceNs: bigint; text: ProgramText | undefined }[];

  private constructor({ node, traceRing, description }: UserspaceOptions, running: RunningNode) {
    this.#node = node;
    this.#traceRing = traceRing;
    this.#description = description;
    this.#routes = description.routes;
    this.running = running;
    this.describe();
    this.ruleHolder = {
      get ruleSet() {
        return running.programText?.ruleSet ?? EMPTY_RULE_SET;
      },
      install: ruleSet => {
        running.installRules(ruleSet);
        this.#note();
      },
      accounting: () => running.programText?.accounting() ?? new Map(),
    };
    this.failed = running.exited;
    this.#programs = [{ sinceNs: 0n, text: running.programText }];
  }

  /** @throws LabError of whatever could not be opened, set or parsed */
  static async start(options: UserspaceOptions): Promise<UserspacePlane> {
    let plane: UserspacePlane | undefined;
    const running = await startNode({
      netns: netnsPath(options.node),
      description: options.description,
      ...(options.rules === ''
        ? {}
        : {
            rules: {
              text: options.rules,
              file: `the rules of ${options.node}`,
              ...(options.sets !== undefined && { sets: { text: options.sets, file: `the sets of ${options.node}` } }),
            },
          }),
      seed: options.seed,
      onMirrored: () => plane?.describe(),
      onWarning: message => options.warn(`${options.node}: ${message}`),
    });
    plane = new UserspacePlane(options, running);
    return plane;
  }

  async tool(
    name: ToolName,
    args: readonly string[],
    input: string,
    onText: (text: string) => void,
    gone: AbortSignal,
  ): Promise<ToolResult> {
    const result = await runTool(this.running, name, args, input, onText, gone);
    this.#note();
    return result;
  }

  conntrack(args: readonly string[]): Promise<string> {
    return this.running.conntrack(args);
  }

  async rulesText(counters: boolean): Promise<string> {
    return this.running.saveRules(counters);
  }

  async loadRules(text: string): Promise<void> {
    this.running.loadRules(text, { file: `the rules of ${this.#node}` });
    this.#note();
  }

  async loadSets(text: string): Promise<void> {
    this.running.loadSets(text, `the sets of ${this.#node}`);
    this.#note();
  }

  async setNetwork({ vxlan, routes, neighbours }: Network): Promise<void> {
    this.#routes = routes;
    await this.#setNetwork({ vxlan, routes: withChanges(routes, this.#changes), neighbours });
  }

  async #setNetwork(network: Network): Promise<void> {
    await this.running.setNetwork(network);
    this.#description = { ...this.#description, ...network };
    this.describe();
  }

  /** For `ip route` in its shell. */
  describe(): void {
    describeNode(this.#node, this.#description, this.running.mirroredRoutes);
  }

  async changeRoutes(words: readonly string[]): Promise<string> {
    const { vxlan, neighbours } = this.#description;
    const changes = changeRoutes(words, this.#description, this.#changes);
    if ('error' in changes) return changes.error;
    await this.#setNetwork({ vxlan, routes: withChanges(this.#routes, changes), neighbours });
    this.#changes = changes;
    return '';
  }

  async lookAtPorts(): Promise<void> {
    await this.running.setHairpin(await hairpinMacs(this.#node));
  }

  advance(seconds: number): Promise<void> {
    return this.running.advance(seconds);
  }

  counters(): Promise<NodeCounters> {
    return this.running.counters();
  }

  links(): Promise<NodeLinks> {
    return this.running.links();
  }

  ruleName(counter: number, timeNs: bigint): RuleName | undefined {
    const found = this.#programs.findLast(program => program.sinceNs <= timeNs)?.text?.of(counter);
    if (found === undefined) return undefined;
    const { table, chain, number, rule } = found;
    return rule === undefined ? { table, chain, number: 0, text: '' } : { table, chain, number, text: printRule(rule).trim() };
  }

  async beginTrace(): Promise<undefined> {
    await this.trace(true);
    await this.running.counters(); // an answer: what was asked before it is done
  }

  async trace(on: boolean): Promise<void> {
    this.#endTrace?.();
    this.#endTrace = on ? this.running.trace(this.#traceRing) : undefined;
  }

  /** Another ring that is told what passes these hops. @returns ends it */
  tap(ring: SharedArrayBuffer, hops: readonly number[]): () => void {
    return this.running.trace(ring, hops);
  }

  async endTrace(): Promise<never[]> {
    await this.trace(false);
    return [];
  }

  #note(): void {
    const text = this.running.programText;
    if (text === this.#programs.at(-1)?.text) return;
    this.#programs.push({ sinceNs: BigInt(Date.now()) * 1_000_000n, text });
    if (this.#programs.length > MOST_PROGRAMS) this.#programs.shift();
  }

  async stop(): Promise<void> {
    await this.running.stop();
  }
}

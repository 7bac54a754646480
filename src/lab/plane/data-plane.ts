import type { RuleName, TraceLine } from '../../capture/trace-text.ts';
import type { Counters, RuleSet } from '../../netfilter/ruleset.ts';
import type { NodeLinks } from '../../node/links.ts';
import type { Network } from '../../node/network.ts';
import type { NodeCounters } from '../../node/protocol.ts';
import type { ToolName, ToolResult } from '../../node/tool.ts';
import type { Plane } from '../topology/model.ts';

/** Rules as data. What is installed as the same object as before goes on counting. */
export interface RuleHolder {
  readonly ruleSet: RuleSet;
  /** In force when it returns, between two batches. @throws LabError RULES, and the old rules stay */
  install(ruleSet: RuleSet): void;
  /** Of the accounting objects that its rules name (nfacct). */
  accounting(): ReadonlyMap<string, Counters>;
}

/** What carries the packets of one node, from outside: the same questions, whoever answers. */
export interface DataPlane {
  readonly kind: Plane;
  /**
   * One of the tools that people know, with its arguments and its stdin. What it writes while it runs goes to `onText`; one that goes on
   * for ever ends when `gone` is aborted.
   */
  tool(name: ToolName, args: readonly string[], input: string, onText: (text: string) => void, gone: AbortSignal): Promise<ToolResult>;
  /** Text of conntrack(8) for these arguments. */
  conntrack(args: readonly string[]): Promise<string>;
  /** Text of iptables-save(8). */
  rulesText(counters: boolean): Promise<string>;
  /** iptables-save text, in place of all that was there; connections go on. @throws LabError RULES, and the old rules stay */
  loadRules(text: string): Promise<void>;
  /** Sets that rules ask for, as lines of `ipset save`, in place of those of these names. They come before the rules. @throws LabError */
  loadSets(text: string): Promise<void>;
  /** Of a router; a kernel takes text alone. */
  readonly ruleHolder?: RuleHolder;
  /** Other ways to other nodes. A kernel node's are set by `ip` and `bridge`, so there is nothing left to do. */
  setNetwork(network: Network): Promise<void>;
  /** Ports of its bridge came, went, or were set otherwise: a kernel knows that by itself. */
  lookAtPorts(): Promise<void>;
  /** `ip route` with these words. @returns what it says on stderr; a kernel node has the real one */
  changeRoutes(words: readonly string[]): Promise<string>;
  /** The node's clock jumps. @throws LabError BAD_INPUT on a kernel node: its clock is the machine's */
  advance(seconds: number): Promise<void>;
  /** What a userspace node counts of its own ports and drops; null: ask the kernel. */
  counters(): Promise<NodeCounters | null>;
  /** What a router has in place of the kernel's interfaces, neighbours and forwarding databases; null: ask the kernel. */
  links(): Promise<NodeLinks | null>;
  /** A rule by the number that the node's trace gave it at that time (ns since 1970); the kernel's trace names its rules itself. */
  ruleName(counter: number, timeNs: bigint): RuleName | undefined;
  /** From now on the node tells which rules its packets meet. @returns why it cannot, in words */
  beginTrace(): Promise<string | undefined>;
  /** Whether it goes on telling, meanwhile: thousands of connections would say the same. */
  trace(on: boolean): Promise<void>;
  /** It need not tell any more. @returns what a kernel node has told; a userspace node tells its trace ring */
  endTrace(): Promise<TraceLine[]>;
  stop(): Promise<void>;
  /** Settles when it ends by itself. */
  readonly failed: Promise<Error | undefined>;
}

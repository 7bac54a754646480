/** A host with rules: the router under test, or the kernel in its place. */
import type { EntryView } from '../../../src/conntrack/text/view.ts';
import type { RuleText } from '../../../src/netfilter/execute/program-text.ts';
import type { RuleSet } from '../../../src/netfilter/ruleset.ts';
import type { Hook, Verdict } from '../../../src/packet/verdict.ts';
import type { Host } from './host.ts';
import type { Sight } from './sight.ts';

/** A packet as it left a hook. */
export interface HookSight {
  readonly hook: Hook;
  /** The kernel shows only what it let pass. */
  readonly verdict: Verdict;
  readonly packet: Sight;
  readonly mark: number;
  /** Interface ids. */
  readonly iif: number;
  readonly oif: number;
  readonly ctstate: 'NEW' | 'ESTABLISHED' | 'RELATED' | 'INVALID' | 'UNTRACKED';
  /** Zone id of the packet's entry in its original direction, 0 without entry. */
  readonly zone: number;
  /** Rules whose tests it passed at this hook; of the kernel not known. */
  readonly rules: readonly RuleText[];
}

export interface RuledHost extends Host {
  /** What passed the hooks since it was emptied. */
  hooks: HookSight[];
  /** What a kernel that was told to (`nf_conntrack_log_invalid`) said of packets that do not fit their connection. */
  complaints?: string[];
  /**
   * `iptables ARGS`; in force after `commit`.
   * @throws LabError as the command line does
   */
  iptables(args: readonly string[]): void;
  /** @throws LabError when the rules cannot be executed */
  commit(): void;
  /** The text of iptables-save in place of all rules, in force at once. @throws LabError as loading does */
  load(rules: string): void;
  /** The same of rules that were read already. */
  install(rules: RuleSet): void;
  /** The rules with what they have counted. */
  counted(): RuleSet;
  /** The connection whose tuple, in either direction, this is. @param ports as in `TupleView` */
  entry(src: string, dst: string, ports: number, protocol: number): EntryView | undefined;
  /** Forgets all connections. */
  flush(): void;
  /** @throws LabError for a name that is not known */
  sysctl(name: string, value: number): void;
  /** A command of the system on this host; what it writes. Only a kernel has any. @throws Error when it fails */
  tool(name: string, args: readonly string[], input?: string): string;
  /** Value of a sysctl. */
  readSysctl(name: string): number;
  close(): void;
}

export interface RuledHostOptions {
  /** false: nobody listens, and the host answers for its addresses itself. */
  sockets?: boolean;
  connections?: number;
}

/** What stands for the node in all sets: chosen once, before the first of them. */
export interface Plane {
  readonly name: 'router' | 'kernel';
  host(spec: Host['spec'], options?: RuledHostOptions): RuledHost;
}

/**
 * Where the rules of a node go: the router, or the kernel's iptables. kube-proxy hands it over and knows nothing of namespaces,
 * processes or threads.
 */
import type { BaseJump } from './base-jumps.ts';
import type { StateTable } from './chain-state.ts';
import type { Restore } from './restore.ts';

export interface RuleSink {
  /** Chains, the jumps to them and the canaries are there afterwards. @throws when it cannot be done */
  ensureBase(jumps: readonly BaseJump[], canaryTables: readonly StateTable[]): void | Promise<void>;
  /** @returns does the accounting object exist now? */
  ensureCounter(name: string): boolean | Promise<boolean>;
  /** @returns packets that an accounting object has counted; undefined: there is none */
  counted(name: string): number | undefined | Promise<number | undefined>;
  /** Names of the chains in table nat, as `iptables-save -t nat` shows them. @throws when they cannot be read */
  natChains(): Iterable<string> | Promise<Iterable<string>>;
  /** All or nothing. @throws when it was refused: then the old rules stay in force */
  restore(restore: Restore): void | Promise<void>;
  /** Are the canaries there? Without them somebody has wiped the rules. */
  canariesStand(): boolean | Promise<boolean>;
}

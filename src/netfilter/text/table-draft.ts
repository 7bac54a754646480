/**
 * A table while it is being edited. The rule set it came from stays as it was: chains are copied when they are first touched, rules
 * never change. Complaints are plain texts here; the caller knows the place.
 */
import { builtinChains, type Chain, type Rule, type Table, type TableName } from '../ruleset.ts';
import { findTarget } from '../targets/index.ts';
import { type RuleBody, sameRule } from './rule-printer.ts';

const MAX_CHAIN_NAME = 28;

interface ChainDraft {
  name: string;
  policy: Chain['policy'];
  packets: number;
  bytes: number;
  rules: Rule[];
  /** `rules` is this draft's own array. */
  owned: boolean;
}

/** What iptables(8) says when the kernel refuses an edit: the words of `iptc_strerror`, `libiptc/libiptc.c`, or of strerror(3). */
export const kernelWords = {
  chain: 'No chain/target/match by that name.',
  rule: 'Bad rule (does a matching rule exist in that chain?).',
  exists: 'Chain already exists.',
  renameExists: 'File exists.',
  insertion: 'Index of insertion too big.',
  replacement: 'Index of replacement too big.',
  deletion: 'Index of deletion too big.',
  counter: 'Index of counter too big.',
  notEmpty: 'Directory not empty.',
  inUse: 'Too many links.',
  builtin: 'Bad built-in chain name.',
  policy: 'Bad policy name.',
  invalid: 'Invalid argument.',
} as const;
export type KernelWord = keyof typeof kernelWords;

/** Why an edit cannot be made. */
export class EditError extends Error {
  readonly word: KernelWord;
  constructor(message: string, word: KernelWord = 'invalid') {
    super(message);
    this.word = word;
  }
}
const refuse = (message: string, word: KernelWord = 'invalid'): never => {
  throw new EditError(message, word);
};

export class TableDraft {
  readonly name: TableName;
  private readonly chains = new Map<string, ChainDraft>();

  constructor(table: Table) {
    this.name = table.name;
    for (const c of table.chains.values()) {
      const { name, policy, packets, bytes, rules } = c;
      this.chains.set(name, { name, policy, packets, bytes, rules: rules as Rule[], owned: false });
    }
  }

  finish(): Table {
    const chains = new Map<string, Chain>();
    for (const { name, policy, packets, bytes, rules } of this.chains.values())
      chains.set(name, { name, ...(policy && { policy }), packets, bytes, rules });
    return { name: this.name, chains };
  }

  readonly has = (name: string): boolean => this.chains.has(name);
  isBuiltin(name: string): boolean {
    return (builtinChains[this.name] as readonly string[]).includes(name);
  }
  get chainNames(): string[] {
    return [...this.chains.keys()];
  }
  rulesOf(chain: string): readonly Rule[] {
    return this.get(chain).rules;
  }

  private get(name: string): ChainDraft {
    return this.chains.get(name) ?? refuse(`there is no chain "${name}" in table ${this.name}`, 'chain');
  }
  private own(name: string): ChainDraft {
    const chain = this.get(name);
    if (!chain.owned) {
      chain.rules = chain.rules.slice();
      chain.owned = true;
    }
    return chain;
  }

  /** What iptables-restore does first without `--noflush`. Policies and counters of the built-in chains stay. */
  clear(): void {
    for (const chain of [...this.chains.values()]) {
      if (!this.isBuiltin(chain.name)) this.chains.delete(chain.name);
      else {
        chain.rules = [];
        chain.owned = true;
      }
    }
  }

  append(chain: string, rule: Rule): void {
    this.own(chain).rules.push(rule);
  }

  /** @param number where the rule shall stand, 1 = first */
  insert(chain: string, number: number, rule: Rule): void {
    const { rules } = this.own(chain);
    if (number > rules.length + 1)
      refuse(`rule number ${number} is past the end of chain ${chain}, which has ${rules.length} rules`, 'insertion');
    rules.splice(number - 1, 0, rule);
  }

  replace(chain: string, number: number, rule: Rule): void {
    this.own(chain).rules[this.index(chain, number, 'replacement')] = rule;
  }

  deleteNumber(chain: string, number: number): void {
    const at = this.index(chain, number, 'deletion');
    this.own(chain).rules.splice(at, 1);
  }

  private index(chain: string, number: number, word: KernelWord): number {
    const { rules } = this.get(chain);
    if (number < 1 || number > rules.length)
      refuse(`there is no rule number ${number} in chain ${chain}, which has ${rules.length} rules`, word);
    return number - 1;
  }

  /** Position of the first rule that says the same, or -1. */
  find(chain: string, body: RuleBody): number {
    return this.get(chain).rules.findIndex(rule => sameRule(rule, body));
  }

  delete(chain: string, body: RuleBody): void {
    const at = this.find(chain, body);
    if (at < 0) refuse(`chain ${chain} has no such rule`, 'rule');
    this.own(chain).rules.splice(at, 1);
  }

  flush(chain?: string): void {
    for (const name of chain === undefined ? this.chainNames : [chain]) {
      const draft = this.get(name);
      draft.rules = [];
      draft.owned = true;
    }
  }

  create(name: string): void {
    const problem = chainNameProblem(name);
    if (problem !== undefined) refuse(problem);
    if (this.has(name)) refuse(`chain "${name}" exists already`, 'exists');
    this.chains.set(name, { name, policy: undefined, packets: 0, bytes: 0, rules: [], owned: true });
  }

  /** One chain, or every chain that a user made. */
  deleteChain(name?: string): void {
    const names = name === undefined ? this.chainNames.filter(n => !this.isBuiltin(n)) : [name];
    for (const n of names) {
      if (this.isBuiltin(n)) refuse(`chain "${n}" is built in and stays`);
      if (this.get(n).rules.length > 0) refuse(`chain "${n}" is not empty: flush it first`, 'notEmpty');
    }
    for (const n of names) {
      const user = this.userOf(n);
      if (user !== undefined) refuse(`chain "${n}" is in use by a rule of chain "${user}"`, 'inUse');
    }
    for (const n of names) this.chains.delete(n);
  }

  private userOf(name: string): string | undefined {
    for (const chain of this.chains.values()) if (chain.rules.some(rule => jumpOf(rule) === name)) return chain.name;
    return undefined;
  }

  /** Jumps to the chain follow its new name. */
  rename(from: string, to: string): void {
    if (this.isBuiltin(from)) refuse(`chain "${from}" is built in and keeps its name`, 'chain');
    const chain = this.get(from);
    const problem = chainNameProblem(to);
    if (problem !== undefined) refuse(problem);
    if (this.has(to)) refuse(`chain "${to}" exists already`, 'renameExists');
    this.chains.delete(from);
    chain.name = to;
    this.chains.set(to, chain);
    for (const other of this.chains.values()) {
      if (!other.rules.some(rule => jumpOf(rule) === from)) continue;
      other.rules = other.rules.map(rule =>
        jumpOf(rule) === from ? { ...rule, target: { kind: rule.target!.kind as 'jump', chain: to } } : rule,
      );
      other.owned = true;
    }
  }

  setPolicy(chain: string, policy: string, counters?: { packets: number; bytes: number }): void {
    const draft = this.get(chain);
    if (!this.isBuiltin(chain)) refuse(`chain "${chain}" is not built in: it has no policy`, 'builtin');
    draft.policy = policy === 'ACCEPT' || policy === 'DROP' ? policy : refuse(`bad policy "${policy}": expected ACCEPT or DROP`, 'policy');
    draft.packets = counters?.packets ?? 0;
    draft.bytes = counters?.bytes ?? 0;
  }

  /** @param number one rule of the chain; else all of them and the chain itself */
  zero(chain?: string, number?: number): void {
    for (const name of chain === undefined ? this.chainNames : [chain]) {
      const at = number === undefined ? undefined : this.index(name, number, 'counter');
      const draft = this.own(name);
      if (at === undefined) {
        draft.packets = 0;
        draft.bytes = 0;
      }
      draft.rules = draft.rules.map((rule, i) => (at === undefined || i === at ? { ...rule, packets: 0, bytes: 0 } : rule));
    }
  }
}

const jumpOf = (rule: Rule): string | undefined =>
  rule.target?.kind === 'jump' || rule.target?.kind === 'goto' ? rule.target.chain : undefined;

/** Why a chain cannot have this name. */
export function chainNameProblem(name: string): string | undefined {
  if (name === '') return 'a chain wants a name';
  if (name.length > MAX_CHAIN_NAME) return `chain name "${name}" is too long: expected at most ${MAX_CHAIN_NAME} characters`;
  if (name[0] === '-' || name[0] === '!') return `chain name "${name}" must not start with ${name[0]}`;
  // A quote is taken by iptables, which then cannot read what it wrote.
  if (/[\s"]/.test(name)) return `chain name "${name}" must not hold white space or quotes`;
  return findTarget(name) === undefined ? undefined : `chain name "${name}" is the name of a target`;
}

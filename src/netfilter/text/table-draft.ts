/**
 * A table while it is being edited. The rule set it came from stays as it was: chains are copied when they are first touched, rules
 * never change, and what is not touched costs nothing. Complaints are plain texts here; the caller knows the place.
 */
import { VersionedMap } from '../../base/versioned-map.ts';
import { builtinChains, type Chain, type Rule, type Table, type TableName } from '../ruleset.ts';
import { findTarget } from '../targets/index.ts';
import { ChainLines } from './chain-lines.ts';
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
  /** While it is written anew, line by line. */
  lines?: ChainLines | undefined;
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

/** How many rules jump or go to a chain, in the table that a draft came from. */
export type References = (chain: string) => number;

export class TableDraft {
  readonly name: TableName;
  readonly #table: Table;
  /** What the draft came from; after `clear` the built-in chains alone, empty. */
  #before: ReadonlyMap<string, Chain>;
  #references: References | undefined;
  /** Chains that were touched, and names of those that went. */
  readonly #touched = new Map<string, ChainDraft>();
  readonly #gone = new Set<string>();
  /** Built-in chains whose own counters start anew. */
  readonly restarted = new Set<string>();
  /** Chains of which rules were known by their lines: all of them count anew. */
  readonly recounted = new Set<string>();
  /** The chain of the last line that was known. */
  #last: ChainDraft | undefined;

  /** @param references spares a search through all rules when a chain is deleted */
  constructor(table: Table, references?: References) {
    this.name = table.name;
    this.#table = table;
    this.#before = table.chains;
    this.#references = references;
  }

  /** Costs time by what was touched. */
  finish(): Table {
    const cleared = this.#before !== this.#table.chains;
    if (!cleared && this.#touched.size === 0 && this.#gone.size === 0) return this.#table;
    const changes: [string, Chain | undefined][] = [];
    for (const name of this.#gone) if (!this.#touched.has(name)) changes.push([name, undefined]);
    for (const draft of this.#touched.values()) {
      const chain = chainOf(draft);
      const before = this.#before.get(chain.name);
      if (before !== undefined && sameChain(before, chain)) continue;
      changes.push([chain.name, chain]);
      draft.lines?.keep(chain);
    }
    if (!cleared && changes.length === 0) return this.#table;
    if (!cleared) return { name: this.name, chains: VersionedMap.of(this.#before).with(changes) };
    const chains = new Map(this.#before);
    for (const draft of this.#touched.values()) chains.set(draft.name, chainOf(draft));
    return { name: this.name, chains: VersionedMap.owning(chains) };
  }

  readonly has = (name: string): boolean => this.#touched.has(name) || (this.#before.has(name) && !this.#gone.has(name));
  isBuiltin(name: string): boolean {
    return (builtinChains[this.name] as readonly string[]).includes(name);
  }
  get chainNames(): string[] {
    const kept = [...this.#before.keys()].filter(name => !this.#gone.has(name));
    return [...kept, ...[...this.#touched.keys()].filter(name => !this.#before.has(name) || this.#gone.has(name))];
  }
  rulesOf(chain: string): readonly Rule[] {
    return this.#look(chain).rules;
  }

  /** To read it alone. */
  #look(name: string): Chain | ChainDraft {
    const known = this.#touched.get(name) ?? (this.#gone.has(name) ? undefined : this.#before.get(name));
    return known ?? refuse(`there is no chain "${name}" in table ${this.name}`, 'chain');
  }
  #get(name: string): ChainDraft {
    const known = this.#touched.get(name);
    if (known !== undefined) return known;
    const { policy, packets, bytes, rules } = this.#look(name);
    const draft = { name, policy, packets, bytes, rules: rules as Rule[], owned: false };
    this.#touched.set(name, draft);
    return draft;
  }
  /** To change it; only lines at its end are known again. */
  #own(name: string): ChainDraft {
    const chain = this.#get(name);
    chain.lines = undefined;
    if (!chain.owned) {
      chain.rules = chain.rules.slice();
      chain.owned = true;
    }
    return chain;
  }

  /** What iptables-restore does first without `--noflush`. Policies of the built-in chains stay. */
  clear(): void {
    const before = new Map<string, Chain>();
    for (const name of builtinChains[this.name]) {
      before.set(name, { ...this.#before.get(name)!, rules: [] });
      this.restarted.add(name);
    }
    this.#before = before;
    this.#references = undefined;
    this.#touched.clear();
    this.#gone.clear();
  }

  /** @param line by which the rule is known the next time */
  append(chain: string, rule: Rule, line?: string): void {
    const draft = this.#get(chain);
    if (draft.lines === undefined) this.#own(chain);
    else draft.lines.read(rule, line);
    draft.rules.push(rule);
  }

  /** Appends the rule of `-A CHAIN ...`, the line `text[from, to)`, when the chain is written anew and had it before. @returns did it? */
  appendKnown(text: string, from: number, to: number): boolean {
    const draft = this.#lineOf(text, from);
    const rule = draft?.lines?.take(text, from, to);
    if (rule === undefined) return false;
    draft!.rules.push(rule);
    this.recounted.add(draft!.name);
    return true;
  }

  #lineOf(text: string, from: number): ChainDraft | undefined {
    if (!text.startsWith('-A ', from) || this.#gone.size > 0) return undefined;
    const at = from + 3;
    const last = this.#last;
    if (last !== undefined && text.startsWith(last.name, at) && text[at + last.name.length] === ' ') return last;
    this.#last = this.#touched.get(text.slice(at, text.indexOf(' ', at)));
    return this.#last;
  }

  /** @param number where the rule shall stand, 1 = first */
  insert(chain: string, number: number, rule: Rule): void {
    const { rules } = this.#own(chain);
    if (number > rules.length + 1)
      refuse(`rule number ${number} is past the end of chain ${chain}, which has ${rules.length} rules`, 'insertion');
    rules.splice(number - 1, 0, rule);
  }

  replace(chain: string, number: number, rule: Rule): void {
    this.#own(chain).rules[this.#index(chain, number, 'replacement')] = rule;
  }

  deleteNumber(chain: string, number: number): void {
    const at = this.#index(chain, number, 'deletion');
    this.#own(chain).rules.splice(at, 1);
  }

  #index(chain: string, number: number, word: KernelWord): number {
    const { rules } = this.#look(chain);
    if (number < 1 || number > rules.length)
      refuse(`there is no rule number ${number} in chain ${chain}, which has ${rules.length} rules`, word);
    return number - 1;
  }

  /** Position of the first rule that says the same, or -1. */
  find(chain: string, body: RuleBody): number {
    return this.#look(chain).rules.findIndex(rule => sameRule(rule, body));
  }

  delete(chain: string, body: RuleBody): void {
    const at = this.find(chain, body);
    if (at < 0) refuse(`chain ${chain} has no such rule`, 'rule');
    this.#own(chain).rules.splice(at, 1);
  }

  flush(chain?: string): void {
    for (const name of chain === undefined ? this.chainNames : [chain]) {
      const draft = this.#get(name);
      draft.rules = [];
      draft.owned = true;
      draft.lines = new ChainLines(this.#before.get(name));
    }
  }

  create(name: string): void {
    const problem = chainNameProblem(name);
    if (problem !== undefined) refuse(problem);
    if (this.has(name)) refuse(`chain "${name}" exists already`, 'exists');
    this.#touched.set(name, { name, policy: undefined, packets: 0, bytes: 0, rules: [], owned: true });
  }

  /** One chain, or every chain that a user made. */
  deleteChain(name?: string): void {
    const names = name === undefined ? this.chainNames.filter(n => !this.isBuiltin(n)) : [name];
    for (const n of names) {
      if (this.isBuiltin(n)) refuse(`chain "${n}" is built in and stays`);
      if (this.#look(n).rules.length > 0) refuse(`chain "${n}" is not empty: flush it first`, 'notEmpty');
    }
    for (const n of names) {
      const user = this.#userOf(n);
      if (user !== undefined) refuse(`chain "${n}" is in use by a rule of chain "${user}"`, 'inUse');
    }
    for (const n of names) {
      this.#touched.delete(n);
      if (this.#before.has(n)) this.#gone.add(n);
    }
  }

  #userOf(name: string): string | undefined {
    if (this.#referencesTo(name) === 0) return undefined;
    return this.chainNames.find(chain => this.#look(chain).rules.some(rule => jumpOf(rule) === name));
  }

  /** Those of the table as it was, without the chains that were touched, and those of these now; undefined: not known. */
  #referencesTo(name: string): number | undefined {
    if (this.#references === undefined) return undefined;
    let count = this.#references(name);
    for (const chain of this.#gone) count -= jumpsTo(this.#before.get(chain), name);
    for (const draft of this.#touched.values()) {
      if (!this.#gone.has(draft.name)) count -= jumpsTo(this.#before.get(draft.name), name);
      count += jumpsTo(draft, name);
    }
    return count;
  }

  /** Jumps to the chain follow its new name. */
  rename(from: string, to: string): void {
    if (this.isBuiltin(from)) refuse(`chain "${from}" is built in and keeps its name`, 'chain');
    const chain = this.#look(from);
    const problem = chainNameProblem(to);
    if (problem !== undefined) refuse(problem);
    if (this.has(to)) refuse(`chain "${to}" exists already`, 'renameExists');
    const { policy, packets, bytes, rules } = chain;
    this.#touched.delete(from);
    if (this.#before.has(from)) this.#gone.add(from);
    this.#touched.set(to, { name: to, policy, packets, bytes, rules: rules.slice(), owned: true });
    for (const other of this.chainNames) {
      if (!this.#look(other).rules.some(rule => jumpOf(rule) === from)) continue;
      const draft = this.#own(other);
      draft.rules = draft.rules.map(rule =>
        jumpOf(rule) === from ? { ...rule, target: { kind: rule.target!.kind as 'jump', chain: to } } : rule,
      );
    }
  }

  setPolicy(chain: string, policy: string, counters?: { packets: number; bytes: number }): void {
    const draft = this.#get(chain);
    if (!this.isBuiltin(chain)) refuse(`chain "${chain}" is not built in: it has no policy`, 'builtin');
    draft.policy = policy === 'ACCEPT' || policy === 'DROP' ? policy : refuse(`bad policy "${policy}": expected ACCEPT or DROP`, 'policy');
    draft.packets = counters?.packets ?? 0;
    draft.bytes = counters?.bytes ?? 0;
    this.restarted.add(chain);
  }

  /** @param number one rule of the chain; else all of them and the chain itself */
  zero(chain?: string, number?: number): void {
    for (const name of chain === undefined ? this.chainNames : [chain]) {
      const at = number === undefined ? undefined : this.#index(name, number, 'counter');
      const draft = this.#own(name);
      if (at === undefined) {
        draft.packets = 0;
        draft.bytes = 0;
        this.restarted.add(name);
      }
      draft.rules = draft.rules.map((rule, i) => (at === undefined || i === at ? { ...rule, packets: 0, bytes: 0 } : rule));
    }
  }
}

function chainOf({ name, policy, packets, bytes, rules }: ChainDraft): Chain {
  return { name, ...(policy && { policy }), packets, bytes, rules };
}

/** The same rule objects, so that nothing has happened to it. */
const sameChain = (a: Chain, b: Chain): boolean =>
  a.policy === b.policy &&
  a.packets === b.packets &&
  a.bytes === b.bytes &&
  a.rules.length === b.rules.length &&
  a.rules.every((rule, i) => rule === b.rules[i]);

const jumpsTo = (chain: { readonly rules: readonly Rule[] } | undefined, name: string): number =>
  chain === undefined ? 0 : chain.rules.reduce((sum, rule) => (jumpOf(rule) === name ? sum + 1 : sum), 0);

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

/**
 * What the reader and the printer know of a match or a target: its name, its options, how values become data and how data is printed.
 * An option table is written like this:
 *
 *     options: {
 *       dport: { parse: portRange, not: true, aliases: ['destination-port'] },
 *       syn: { not: true, excludes: ['tcp-flags'] },
 *     }
 */
import type { Match, Rule, Target } from '../ruleset.ts';
import type { Words } from './words.ts';

export interface OptionSpec<T = unknown> {
  /** Reads the value of the option; an option without it is a flag. Complains through `words`. */
  readonly parse?: (word: string, words: Words) => T;
  /** The value may be left out: then the option is given with `true`. */
  readonly optionalValue?: boolean;
  /** `!` may stand in front. */
  readonly not?: boolean;
  readonly required?: boolean;
  /** May be given more than once: `earlier` then holds the others. */
  readonly repeat?: boolean;
  readonly aliases?: readonly string[];
  /** Options of the same extension that must not, or must, be given too. */
  readonly excludes?: readonly string[];
  readonly needs?: readonly string[];
}
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** One option that was given. `at` is its place in the line, for those whose order matters. */
export interface GivenOption<T = unknown> {
  readonly not: boolean;
  readonly value: T;
  readonly at: number;
  readonly earlier?: readonly GivenOption<T>[];
}
/** The options that were given. A flag has the value `true`. */
export type Given<O extends OptionTable> = {
  readonly [K in keyof O]?: GivenOption<O[K] extends { parse: (...a: never[]) => infer T } ? T : true>;
};

/** What the rule's head says, for an extension that depends on it. */
export interface RuleHead {
  readonly protocol: number;
  readonly protocolNot: boolean;
}

/** How `iptables -L` is asked to print. */
export interface ListStyle {
  readonly numeric: boolean;
  /** Protocol of the rule, for the names of ports. */
  readonly protocol: number;
}

/** Where the kernel takes an extension. What is absent is not restricted. Chain names are those of the five hooks. */
export interface Places {
  readonly tables?: readonly string[];
  readonly hooks?: readonly Hook[];
  /** IP protocols of which the rule must name one, without `!`. */
  readonly protocols?: readonly number[];
  /** What else the rule must say; the complaint, when it does not. */
  readonly wants?: (rule: Rule) => string | undefined;
}
export type Hook = 'PREROUTING' | 'INPUT' | 'FORWARD' | 'OUTPUT' | 'POSTROUTING';

interface Extension<Data> {
  /** The word after `-m` or `-j`. */
  readonly name: string;
  readonly options: OptionTable;
  /** Options to data. Called once, after all of the rule was read. */
  // biome-ignore lint/suspicious/noExplicitAny: `Given` of the extension's own table, see the two helpers below
  read(given: any, words: Words, head: RuleHead): Data;
  /** The options as iptables-save writes them, each with a space in front. */
  print(data: Data): string;
  /** The same for `iptables -L`, with a space in front. */
  list(data: Data, style: ListStyle): string;
  /** Name of the target in a listing, where it is another. */
  readonly listName?: string;
  readonly places?: Places | ((data: Data) => Places);
}
export interface MatchExtension<M extends Match = Match> extends Extension<M> {
  readonly side: 'match';
  readonly kind: M['kind'];
}
export interface TargetExtension<T extends Target = Target> extends Extension<T> {
  readonly side: 'target';
  readonly kind: T['kind'];
}

/** The member of a union whose `kind` may be `K`. */
type OfKind<U, K> = U extends { readonly kind: infer Kind } ? (K extends Kind ? U : never) : never;

type Described<Data, O extends OptionTable> = {
  readonly options: O;
  read(given: Given<O>, words: Words, head: RuleHead): Data;
  print(data: Data): string;
  list(data: Data, style: ListStyle): string;
  readonly listName?: string;
  readonly places?: Places | ((data: Data) => Places);
};

export function defineMatch<K extends Match['kind'], const O extends OptionTable>(
  kind: K,
  described: Described<OfKind<Match, K>, O>,
): MatchExtension {
  return { side: 'match', name: kind, kind, ...described } as unknown as MatchExtension;
}

export function defineTarget<K extends Target['kind'], const O extends OptionTable>(
  kind: K,
  described: Described<OfKind<Target, K>, O>,
): TargetExtension {
  return { side: 'target', name: kind, kind, ...described } as unknown as TargetExtension;
}

/** The options of an extension by each name under which they may be written. */
export interface NamedOption {
  readonly name: string;
  readonly spec: OptionSpec;
}
const named = new WeakMap<object, ReadonlyMap<string, NamedOption>>();

export function optionsByName(extension: { readonly options: OptionTable }): ReadonlyMap<string, NamedOption> {
  let map = named.get(extension) as Map<string, NamedOption> | undefined;
  if (map === undefined) {
    map = new Map();
    for (const [name, spec] of Object.entries(extension.options))
      for (const word of [name, ...(spec.aliases ?? [])]) map.set(word, { name, spec });
    named.set(extension, map);
  }
  return map;
}

/**
 * Matches and targets that are read and printed but that the router cannot execute. Their options are kept as they are printed: each
 * parser gives the canonical text of a value, and the table's order is the order of printing.
 */
import type { ExtraOption } from '../ruleset.ts';
import {
  defineMatch,
  defineTarget,
  type GivenOption,
  type ListStyle,
  type MatchExtension,
  type OptionSpec,
  type Places,
  type RuleHead,
  type TargetExtension,
} from './extension.ts';
import { bang } from './values.ts';
import type { Words } from './words.ts';

/** `undefined` for a value that says nothing and is not printed. */
type Text = string | undefined;
export type ExtraTable = Readonly<Record<string, OptionSpec<Text>>>;
export type ExtraGiven = Readonly<Record<string, GivenOption<Text | true> | undefined>>;

/** Options by name, for a listing that has words of its own. */
export interface ListedOptions {
  has(name: string): boolean;
  not(name: string): boolean;
  value(name: string): string;
  readonly all: readonly ExtraOption[];
}

function listed(options: readonly ExtraOption[]): ListedOptions {
  const get = (name: string): ExtraOption | undefined => options.find(o => o.name === name);
  return {
    has: name => get(name) !== undefined,
    not: name => get(name)?.not === true,
    value: name => get(name)?.value ?? '',
    all: options,
  };
}

interface ExtraDescribed {
  readonly options: ExtraTable;
  /** What one option alone cannot say; complains through `words`. */
  check?(given: ExtraGiven, words: Words, head: RuleHead): void;
  /** In place of the table's order. */
  read?(given: ExtraGiven, words: Words): ExtraOption[];
  /** How `iptables -L` shows it; without, its name and the options as they are. */
  list?(options: ListedOptions, style: ListStyle): string;
  readonly places?: Places | ((options: readonly ExtraOption[]) => Places);
}

export const extraOption = (name: string, value?: string, not = false): ExtraOption => ({
  name,
  not,
  ...(value !== undefined && { value }),
});

const print = (options: readonly ExtraOption[], p: string): string =>
  options.map(o => `${bang(o.not)} ${p}${o.name}${o.value === undefined ? '' : ` ${o.value}`}`).join('');

function inOrder(table: ExtraTable, given: ExtraGiven): ExtraOption[] {
  const options: ExtraOption[] = [];
  for (const name in table) {
    const g = given[name];
    if (g && g.value !== undefined) options.push(extraOption(name, g.value === true ? undefined : g.value, g.not));
  }
  return options;
}

function parts(name: string, d: ExtraDescribed) {
  const read = (given: ExtraGiven, words: Words, head: RuleHead) => {
    d.check?.(given, words, head);
    return { kind: 'extra' as const, name, options: d.read ? d.read(given, words) : inOrder(d.options, given) };
  };
  const places = d.places;
  return {
    options: d.options,
    read: read as never,
    print: (data: { options: readonly ExtraOption[] }) => print(data.options, '--'),
    list: (data: { options: readonly ExtraOption[] }, style: ListStyle) =>
      d.list ? d.list(listed(data.options), style) : ` ${name}${print(data.options, '')}`,
    ...(places && { places: typeof places === 'function' ? (data: { options: readonly ExtraOption[] }) => places(data.options) : places }),
  };
}

export const defineExtraMatch = (name: string, d: ExtraDescribed): MatchExtension => ({ ...defineMatch('extra', parts(name, d)), name });
export const defineExtraTarget = (name: string, d: ExtraDescribed): TargetExtension => ({ ...defineTarget('extra', parts(name, d)), name });

/** A number as it is printed. */
export const asText =
  <T>(parse: (word: string, words: Words) => T, show: (value: T) => Text = String) =>
  (word: string, words: Words): Text =>
    show(parse(word, words));

/** A name without white space; iptables cuts off what does not fit. */
export const word =
  (max: number) =>
  (text: string, words: Words): string =>
    text === '' || /[\s"\\]/.test(text) ? words.bad('a name without quotes and white space') : text.slice(0, max);

/** At least one of the options of the table. */
export const needsAny = (given: ExtraGiven, words: Words, ...names: string[]): void => {
  if (!names.some(n => given[n])) words.fail(`expected ${names.map(n => `--${n}`).join(' or ')}`);
};

/** `match`, `! match`: the sign in front of a listed value. */
export const sign = (not: boolean, text = '! '): string => (not ? text : '');

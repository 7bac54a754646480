/**
 * Reads what stands behind `-A CHAIN`: the rule itself, as getopt_long(3) and iptables 1.8.9 read it. Options of the rule's own head
 * are known here; the rest belong to the matches and the target that were named before them, the newest first.
 */
import { TextError } from '../../base/errors.ts';
import { findMatch, matchNames } from '../matches/index.ts';
import { type NamedOption, optionsByName } from './extension.ts';
import { systemNames } from './names.ts';
import { parseUnsigned } from './numbers.ts';
import { type Draft, finish, type Loaded, load, type RuleDraft } from './rule-draft.ts';
import { readHead } from './rule-head.ts';
import type { Words } from './words.ts';

/** What else a line may hold, for whoever reads commands (`-A`, `-t`, `-c` ...). Gets the option; true = it was taken. */
export type OtherOption = (option: string, words: Words, not: boolean) => boolean;

/** Names of the long options of the head and what they are short for. */
const longOptions: ReadonlyMap<string, string> = new Map([
  ['source', '-s'],
  ['src', '-s'],
  ['destination', '-d'],
  ['dst', '-d'],
  ['protocol', '-p'],
  ['in-interface', '-i'],
  ['out-interface', '-o'],
  ['fragments', '-f'],
  ['match', '-m'],
  ['jump', '-j'],
  ['goto', '-g'],
  ['ipv4', '-4'],
  ['ipv6', '-6'],
]);
const headOptions = new Set('-s -d -p -i -o -f -m -j -g -4 -6'.split(' '));
/** Options that take a value which must be a word of its own: 1.8.9 reads `-ptcp` and `--jump=DROP` as the value `-ptcp`. */
const separate = new Set('-s -d -p -i -o -j -g'.split(' '));

/**
 * Reads all words that are left. `isChain` says which jumps are known.
 * @throws TextError RULES or RULES_UNSUPPORTED
 */
export function readRule(
  words: Words,
  isChain: (name: string) => boolean,
  other: OtherOption,
  others: ReadonlyMap<string, string>,
): RuleDraft[] {
  const draft: Draft = { loaded: [], protocolLoaded: false };
  let not = false;
  while (!words.done) {
    const word = words.list[words.at++]!;
    if (word === '!') {
      if (not) words.fail('two ! in a row');
      not = true;
      continue;
    }
    if (word.charCodeAt(0) !== 0x2d || word === '-') words.fail(`bad argument "${word}": expected an option`);
    if (word === '--') {
      if (!words.done) words.fail('words after "--" mean nothing here');
      break;
    }
    words.option = word;
    if (word.charCodeAt(1) === 0x2d) long(word, not, words, draft, isChain, other, others);
    else short(word, not, words, draft, isChain, other);
    not = false;
  }
  if (not) words.fail('nothing follows the !');
  return finish(words, draft);
}

function short(word: string, not: boolean, words: Words, draft: Draft, isChain: (name: string) => boolean, other: OtherOption): void {
  const option = word.length === 2 ? word : word.slice(0, 2);
  if (word.length > 2) {
    if (separate.has(option)) words.fail(`"${word}": write the value of ${option} as a word of its own`);
    // `-mtcp` is `-m tcp`, `-nv` is `-n -v`: put the rest back as a word.
    words.list[--words.at] = option === '-m' || option === '-t' || option === '-A' || option === '-c' ? word.slice(2) : `-${word.slice(2)}`;
  }
  words.option = option;
  if (headOptions.has(option)) readHead(option, not, words, draft, isChain);
  else if (!other(option, words, not)) words.fail(`unknown option "${option}"`);
}

function long(
  word: string,
  not: boolean,
  words: Words,
  draft: Draft,
  isChain: (name: string) => boolean,
  other: OtherOption,
  others: ReadonlyMap<string, string>,
): void {
  const equals = word.indexOf('=');
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
  // Options of the head come first, then those of the extensions, the newest first: the order in which getopt_long(3) finds them.
  let own = longOptions.get(name) ?? others.get(name);
  let found = own === undefined ? findOption(draft, name) : undefined;
  if (own === undefined && found === undefined) {
    const cut = abbreviation(draft, name, words, others);
    own = cut.own;
    found = cut.found;
  }
  if (own !== undefined) {
    if (equals >= 0) {
      if (separate.has(own)) words.fail(`"${word}": write the value as a word of its own: --${name} ${word.slice(equals + 1)}`);
      words.list[--words.at] = word.slice(equals + 1);
    }
    if (headOptions.has(own)) readHead(own, not, words, draft, isChain);
    else if (!other(own, words, not)) words.fail(`unknown option "--${name}"`);
    return;
  }
  if (found === undefined) {
    const loaded = loadProtocol(draft);
    const option = loaded && (optionsByName(loaded.extension).get(name) ?? abbreviation(draft, name, words, others).found?.option);
    if (!loaded || !option) throw unknownOption(name, draft, words);
    found = { loaded, option };
  }
  take(found, word, equals, not, words);
}

interface Found {
  readonly loaded: Loaded;
  readonly option: NamedOption;
}

function findOption(draft: Draft, name: string): Found | undefined {
  for (let i = draft.loaded.length - 1; i >= 0; i--) {
    const loaded = draft.loaded[i]!;
    const option = optionsByName(loaded.extension).get(name);
    if (option !== undefined) return { loaded, option };
  }
  return undefined;
}

/** A long option cut short is taken when only one option starts so. */
function abbreviation(draft: Draft, name: string, words: Words, others: ReadonlyMap<string, string>): { own?: string; found?: Found } {
  const owns = new Set<string>();
  for (const table of [longOptions, others]) for (const [word, option] of table) if (word.startsWith(name)) owns.add(option);
  const founds = new Map<object, Found>();
  for (const loaded of draft.loaded)
    for (const [word, option] of optionsByName(loaded.extension)) if (word.startsWith(name)) founds.set(option.spec, { loaded, option });
  if (owns.size + founds.size > 1) words.fail(`option "--${name}" is ambiguous`);
  const result: { own?: string; found?: Found } = {};
  for (const own of owns) result.own = own;
  for (const found of founds.values()) result.found = found;
  return result;
}

/** `-p tcp --dport 80` needs no `-m tcp`: the match of the protocol is loaded for the first option that nobody else knows. */
function loadProtocol(draft: Draft): Loaded | undefined {
  if (draft.protocolWord === undefined || draft.protocolLoaded) return undefined;
  const number = parseUnsigned(draft.protocolWord, 0, 255);
  const name = number < 0 ? draft.protocolWord : (systemNames.protocolName(number) ?? '');
  const extension = findMatch(name);
  if (extension === undefined || draft.loaded.some(l => l.extension === extension)) return undefined;
  draft.protocolLoaded = true;
  return load(extension, draft);
}

function unknownOption(name: string, draft: Draft, words: Words): never {
  const owners = matchNames.filter(n => optionsByName(findMatch(n)!).has(name));
  const names = draft.loaded.map(l => l.extension.name);
  const hint = owners.length > 0 ? `: it belongs to -m ${owners.join(' or -m ')}` : names.length > 0 ? ` of ${names.join(', ')}` : '';
  return words.fail(`unknown option "--${name}"${hint}`);
}

function take({ loaded, option }: Found, word: string, equals: number, not: boolean, words: Words): void {
  const { name, spec } = option;
  if (not && spec.not !== true) words.fail(`--${name} of ${loaded.extension.name} cannot be inverted`);
  let value: unknown = true;
  if (spec.parse !== undefined) {
    if (equals >= 0) words.list[--words.at] = word.slice(equals + 1);
    if (!spec.optionalValue || words.hasArgument()) value = spec.parse(words.value(), words);
  } else if (equals >= 0) {
    words.fail(`--${name} takes no value`);
  }
  const before = loaded.given[name];
  const { at } = words;
  if (before === undefined) loaded.given[name] = { not, value, at };
  else if (spec.repeat) loaded.given[name] = { not, value, at, earlier: [...(before.earlier ?? []), before] };
  else words.fail(`--${name} of ${loaded.extension.name} can only be given once`);
}

/** Is this the complaint about something that is simply not known here? */
export const isUnsupported = (error: unknown): error is TextError => error instanceof TextError && error.code === 'RULES_UNSUPPORTED';

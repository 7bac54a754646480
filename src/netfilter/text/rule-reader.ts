/**
 * Reads what stands behind `-A CHAIN`: the rule itself, as getopt_long(3) and iptables 1.8.9 read it. Options of the rule's own head
 * are known here; the rest belong to the matches and the target that were named before them, the newest first.
 */
import { TextError } from '../../base/errors.ts';
import { findMatch, matchNames } from '../matches/index.ts';
import type { Match, NotAddress, NotInterface, Target } from '../ruleset.ts';
import { findTarget } from '../targets/index.ts';
import { type GivenOption, type MatchExtension, type NamedOption, optionsByName, type TargetExtension } from './extension.ts';
import { systemNames } from './names.ts';
import { parseUnsigned } from './numbers.ts';
import { dotted, interfaceName, netmask, protocolNumber } from './values.ts';
import type { Words } from './words.ts';

/** A rule without its place; more than one when addresses were given as a list. */
export interface RuleSpec {
  readonly source?: NotAddress;
  readonly destination?: NotAddress;
  readonly inInterface?: NotInterface;
  readonly outInterface?: NotInterface;
  readonly protocol?: { readonly number: number; readonly not: boolean };
  readonly fragment?: { readonly not: boolean };
  readonly matches: readonly Match[];
  readonly target?: Target;
}

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

interface Loaded {
  readonly extension: MatchExtension | TargetExtension;
  readonly given: Record<string, GivenOption>;
}

interface Draft {
  source?: AddressList;
  destination?: AddressList;
  inInterface?: NotInterface;
  outInterface?: NotInterface;
  protocol?: { number: number; not: boolean };
  protocolWord?: string;
  protocolLoaded: boolean;
  fragment?: { not: boolean };
  target?: Target;
  /** In the order in which they were named; at most one of them is a target. */
  loaded: Loaded[];
}
interface AddressList {
  readonly list: readonly { readonly address: number; readonly mask: number }[];
  readonly not: boolean;
}

/**
 * Reads all words that are left. `isChain` says which jumps are known.
 * @throws TextError RULES or RULES_UNSUPPORTED
 */
export function readRule(
  words: Words,
  isChain: (name: string) => boolean,
  other: OtherOption,
  others: ReadonlyMap<string, string>,
): RuleSpec[] {
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
  if (headOptions.has(option)) head(option, not, words, draft, isChain);
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
    if (headOptions.has(own)) head(own, not, words, draft, isChain);
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

function load(extension: MatchExtension | TargetExtension, draft: Draft): Loaded {
  const loaded = { extension, given: {} };
  draft.loaded.push(loaded);
  return loaded;
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

function head(option: string, not: boolean, words: Words, draft: Draft, isChain: (name: string) => boolean): void {
  switch (option) {
    case '-s':
      if (draft.source) words.fail('-s can only be given once');
      draft.source = { list: addresses(words), not };
      return;
    case '-d':
      if (draft.destination) words.fail('-d can only be given once');
      draft.destination = { list: addresses(words), not };
      return;
    case '-p': {
      if (draft.protocolWord !== undefined) words.fail('-p can only be given once');
      const word = words.value().toLowerCase();
      const number = protocolNumber(word, words);
      if (number === 0 && not) words.fail('"! -p all" would never match');
      draft.protocolWord = word;
      words.protocol = number;
      words.protocolNot = not;
      if (number !== 0) draft.protocol = { number, not };
      return;
    }
    case '-i':
      if (draft.inInterface) words.fail('-i can only be given once');
      draft.inInterface = device(words, not);
      return;
    case '-o':
      if (draft.outInterface) words.fail('-o can only be given once');
      draft.outInterface = device(words, not);
      return;
    case '-f':
      if (draft.fragment) words.fail('-f can only be given once');
      draft.fragment = { not };
      return;
    case '-m': {
      if (not) words.fail('-m cannot be inverted');
      const name = words.value();
      load(findMatch(name) ?? words.unsupported(`no match named "${name}"`), draft);
      return;
    }
    case '-4':
      return;
    case '-6':
      words.unsupported('-6: IPv6 rules are not read');
      return;
    default:
      jump(option, not, words, draft, isChain);
  }
}

function jump(option: string, not: boolean, words: Words, draft: Draft, isChain: (name: string) => boolean): void {
  if (not) words.fail(`${option} cannot be inverted`);
  if (draft.target || draft.loaded.some(l => l.extension.side === 'target')) words.fail('a rule has one -j or -g');
  const name = words.value();
  if (name === '' || /\s/.test(name) || name.length > 28) words.bad('a target, or a chain of at most 28 characters');
  if (option === '-g') {
    if (!isChain(name)) words.fail(`there is no chain "${name}" to go to: expected a chain that was declared before`);
    draft.target = { kind: 'goto', chain: name };
    return;
  }
  const extension = findTarget(name);
  if (extension !== undefined) load(extension, draft);
  else if (isChain(name)) draft.target = { kind: 'jump', chain: name };
  else words.unsupported(`no target named "${name}", and no chain of that name was declared before`);
}

/** `a/mask,b` with short networks such as `10/8`. A mask of 0 makes the address 0. */
function addresses(words: Words): AddressList['list'] {
  const word = words.value();
  return word.split(',').map(item => {
    const slash = item.lastIndexOf('/');
    const mask = slash < 0 ? -1 : netmask(item.slice(slash + 1));
    if (mask === undefined) return words.bad('an address with /prefix 0..32 or /netmask');
    if (mask === 0) return { address: 0, mask: 0 };
    const address = dotted((slash < 0 ? item : item.slice(0, slash)).trimStart(), true);
    if (address === undefined) return words.bad('an IPv4 address or network such as 10.0.0.0/8 (names are not resolved)');
    return { address: address & mask, mask };
  });
}

function device(words: Words, not: boolean): NotInterface {
  const word = words.value();
  if (word === '') words.bad('the name of an interface: an empty one is likely a mistake');
  const { name, prefix } = interfaceName(word, words);
  return { name, prefix, not };
}

function finish(words: Words, draft: Draft): RuleSpec[] {
  const ruleHead = { protocol: words.protocol, protocolNot: words.protocolNot };
  const matches: Match[] = [];
  let target = draft.target;
  for (const loaded of draft.loaded) {
    checkOptions(loaded, words);
    if (loaded.extension.side === 'match') matches.push(loaded.extension.read(loaded.given, words, ruleHead));
    else target = loaded.extension.read(loaded.given, words, ruleHead);
  }
  const { inInterface, outInterface, protocol, fragment } = draft;
  const rest = {
    ...(inInterface && !(inInterface.prefix && inInterface.name === '' && !inInterface.not) && { inInterface }),
    ...(outInterface && !(outInterface.prefix && outInterface.name === '' && !outInterface.not) && { outInterface }),
    ...(protocol && { protocol }),
    ...(fragment && { fragment }),
    matches,
    ...(target && { target }),
  };
  return withAddresses(draft, rest, words);
}

/** One rule for each pair of a source and a destination. */
function withAddresses(draft: Draft, rest: RuleSpec, words: Words): RuleSpec[] {
  const { source, destination } = draft;
  if (!source && !destination) return [rest];
  const several = (source?.list.length ?? 1) > 1 || (destination?.list.length ?? 1) > 1;
  if (several && (source?.not || destination?.not)) words.fail('! cannot stand before a list of addresses');
  const ends = (given: AddressList | undefined): (NotAddress | undefined)[] =>
    given ? given.list.map(a => (a.mask === 0 && !given.not ? undefined : { ...a, not: given.not })) : [undefined];
  const rules: RuleSpec[] = [];
  for (const s of ends(source))
    for (const d of ends(destination)) rules.push({ ...(s && { source: s }), ...(d && { destination: d }), ...rest });
  return rules;
}

function checkOptions({ extension, given }: Loaded, words: Words): void {
  const { name, options } = extension;
  for (const option in options) {
    const spec = options[option]!;
    if (given[option] === undefined) {
      if (spec.required) words.fail(`${name}: --${option} is missing`);
      continue;
    }
    for (const other of spec.excludes ?? [])
      if (given[other] !== undefined) words.fail(`${name}: --${option} and --${other} exclude each other`);
    for (const other of spec.needs ?? []) if (given[other] === undefined) words.fail(`${name}: --${option} wants --${other} too`);
  }
}

/** Is this the complaint about something that is simply not known here? */
export const isUnsupported = (error: unknown): error is TextError => error instanceof TextError && error.code === 'RULES_UNSUPPORTED';

/** A rule between its words and its data: the options that were given, and what they come to. */
import type { Match, NotAddress, NotInterface, Rule, Target } from '../ruleset.ts';
import type { GivenOption, MatchExtension, TargetExtension } from './extension.ts';
import type { Words } from './words.ts';

/** A rule that is being made: the reader of commands still sets its counters. */
export type RuleDraft = { -readonly [K in keyof Rule]: Rule[K] };

/** A match or the target that was named, with its options so far. */
export interface Loaded {
  readonly extension: MatchExtension | TargetExtension;
  readonly given: Record<string, GivenOption>;
}

export interface Draft {
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
export interface AddressList {
  readonly list: readonly { readonly address: number; readonly mask: number }[];
  readonly not: boolean;
}

export function load(extension: MatchExtension | TargetExtension, draft: Draft): Loaded {
  const loaded = { extension, given: {} };
  draft.loaded.push(loaded);
  return loaded;
}

/** All words are read: options become data, and the draft one rule, or several when addresses were lists. */
export function finish(words: Words, draft: Draft): RuleDraft[] {
  const ruleHead = { protocol: words.protocol, protocolNot: words.protocolNot };
  const matches: Match[] = [];
  let target = draft.target;
  for (const loaded of draft.loaded) {
    checkOptions(loaded, words);
    const { extension, given } = loaded;
    const data = share(words, extension, extension.read(given, words, ruleHead));
    if (extension.side === 'match') matches.push(data as Match);
    else target = data as Target;
  }
  const { source, destination } = draft;
  if (!source && !destination) return [makeRule(draft, matches, target, words.line)];
  if ((source?.list.length ?? 1) === 1 && (destination?.list.length ?? 1) === 1) {
    const rule = makeRule(draft, matches, target, words.line);
    setAddresses(rule, source && end(source, 0), destination && end(destination, 0));
    return [rule];
  }
  return each(draft, matches, target, words);
}

/** Rules that follow each other often say the same (comments, marks): they share one object, for nobody changes it. */
function share(words: Words, extension: object, data: Match | Target): Match | Target {
  const last = words.last.get(extension);
  if (last !== undefined && sameData(last, data)) return last as Match | Target;
  words.last.set(extension, data);
  return data;
}

/** Equal fields, and equal fields of those. What lies deeper is not compared and counts as different. */
function sameData(a: object, b: object, depth = 1): boolean {
  let count = 0;
  for (const key in b) {
    const [x, y] = [(a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]];
    if (x !== y && !(depth > 0 && typeof x === 'object' && typeof y === 'object' && sameData(x!, y!, depth - 1))) return false;
    count++;
  }
  for (const _ in a) count--;
  return count === 0;
}

function makeRule(draft: Draft, matches: Match[], target: Target | undefined, line: number): RuleDraft {
  const rule: RuleDraft = { matches, packets: 0, bytes: 0, line };
  const { inInterface, outInterface, protocol, fragment } = draft;
  if (inInterface && !everyInterface(inInterface)) rule.inInterface = inInterface;
  if (outInterface && !everyInterface(outInterface)) rule.outInterface = outInterface;
  if (protocol) rule.protocol = protocol;
  if (fragment) rule.fragment = fragment;
  if (target) rule.target = target;
  return rule;
}

/** `+` alone says nothing. */
const everyInterface = (i: NotInterface): boolean => i.prefix && i.name === '' && !i.not;

/** One address of a list; undefined when it is every address. */
function end({ list, not }: AddressList, i: number): NotAddress | undefined {
  const { address, mask } = list[i]!;
  return mask === 0 && !not ? undefined : { address, mask, not };
}

function setAddresses(rule: RuleDraft, source: NotAddress | undefined, destination: NotAddress | undefined): void {
  if (source) rule.source = source;
  if (destination) rule.destination = destination;
}

/** One rule for each pair of a source and a destination. */
function each(draft: Draft, matches: Match[], target: Target | undefined, words: Words): RuleDraft[] {
  const { source, destination } = draft;
  if (source?.not || destination?.not) words.fail('! cannot stand before a list of addresses');
  const ends = (given: AddressList | undefined): (NotAddress | undefined)[] =>
    given ? given.list.map((_, i) => end(given, i)) : [undefined];
  const rules: RuleDraft[] = [];
  for (const s of ends(source))
    for (const d of ends(destination)) {
      const rule = makeRule(draft, matches, target, words.line);
      setAddresses(rule, s, d);
      rules.push(rule);
    }
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

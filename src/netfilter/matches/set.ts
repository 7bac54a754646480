/** Membership in a named set of addresses (`xt_set`, ipset(8)). */
import type { SetCounter, SetMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { u64 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const MAX_NAME = 31;
const MAX_DIMENSIONS = 6;

export function readDimensions(list: string, words: Words): ('src' | 'dst')[] {
  const dimensions = list
    .split(',')
    .map(d => (d.startsWith('src') ? 'src' : d.startsWith('dst') ? 'dst' : words.bad('a list of src and dst')));
  return dimensions.length > MAX_DIMENSIONS ? words.bad(`at most ${MAX_DIMENSIONS} of src and dst`) : dimensions;
}

export function setName(word: string, words: Words): string {
  if (word === '' || word.length > MAX_NAME || /[\s"]/.test(word)) words.bad(`the name of a set, at most ${MAX_NAME} characters`);
  return words.checkObject('set', word);
}

const counter = (word: string, words: Words): number => Number(u64(word, words));
const packets = ['packets-eq', 'packets-lt', 'packets-gt'] as const;
const bytes = ['bytes-eq', 'bytes-lt', 'bytes-gt'] as const;

type Counters = { readonly [K in (typeof packets)[number] | (typeof bytes)[number]]?: { readonly value: number; readonly not: boolean } };

function readCounter(given: Counters, names: typeof packets | typeof bytes, words: Words): SetCounter | undefined {
  const found = names.filter(n => given[n] !== undefined);
  if (found.length > 1) words.fail(`set: only one of ${names.map(n => `--${n}`).join(' ')}`);
  if (found.length === 0) return undefined;
  const { value, not } = given[found[0]!]!;
  const op = found[0]!.slice(-2) as 'eq' | 'lt' | 'gt';
  return { op: not ? 'ne' : op, value };
}

const printCounter = (c: SetCounter | undefined, name: string, p: string): string =>
  c === undefined ? '' : c.op === 'ne' ? ` ! ${p}${name}-eq ${c.value}` : ` ${p}${name}-${c.op} ${c.value}`;

function text(m: SetMatch, p: string): string {
  const flags =
    (m.returnNomatch ? ` ${p}return-nomatch` : '') +
    (m.noUpdateCounters ? ` ! ${p}update-counters` : '') +
    (m.noUpdateSubcounters ? ` ! ${p}update-subcounters` : '');
  const counters = printCounter(m.packets, 'packets', p) + printCounter(m.bytes, 'bytes', p);
  return `${m.not ? ' !' : ''} ${p}match-set ${m.name} ${m.dimensions.join(',')}${flags}${counters}`;
}

export const set = defineMatch('set', {
  options: {
    'match-set': {
      parse: (word, words) => ({ name: setName(word, words), dimensions: readDimensions(words.second('a set and src or dst'), words) }),
      not: true,
      required: true,
      aliases: ['set'],
    },
    'return-nomatch': {},
    'update-counters': { not: true },
    'update-subcounters': { not: true },
    'packets-eq': { parse: counter, not: true },
    'packets-lt': { parse: counter },
    'packets-gt': { parse: counter },
    'bytes-eq': { parse: counter, not: true },
    'bytes-lt': { parse: counter },
    'bytes-gt': { parse: counter },
  },
  read(given, words): SetMatch {
    const p = readCounter(given, packets, words);
    const b = readCounter(given, bytes, words);
    return {
      kind: 'set',
      ...given['match-set']!.value,
      not: given['match-set']!.not,
      returnNomatch: given['return-nomatch'] !== undefined,
      noUpdateCounters: given['update-counters']?.not === true,
      noUpdateSubcounters: given['update-subcounters']?.not === true,
      ...(p && { packets: p }),
      ...(b && { bytes: b }),
    };
  },
  print: m => text(m, '--'),
  list: m => text(m, ''),
});

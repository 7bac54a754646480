/**
 * Lines that are nearly rules, from a seed: words of real rules mixed, cut, doubled and spoilt. Used by the bounded test and by
 * scripts/fuzz-rules.
 */
import { readFileSync } from 'node:fs';
import { TextError } from '../../../src/base/errors.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';

interface Corpus {
  readonly table: string;
  readonly chain: string;
  readonly args: readonly string[];
}
const { cases } = JSON.parse(readFileSync(new URL('../../fixtures/iptables/words.json', import.meta.url), 'utf8')) as { cases: Corpus[] };
const vocabulary = [...new Set(cases.flatMap(c => c.args))];
const spoilt = [
  '!',
  '',
  '-',
  '--',
  '-1',
  '"',
  '\\',
  '\t',
  ':',
  ',',
  '/',
  '0x',
  '4294967296',
  '99999999999999999999',
  'é',
  '\u0000',
  '[',
  ']',
  '=',
  '+',
  'a'.repeat(300),
];

/** xorshift32: small, seeded, the same everywhere. */
export function randomFrom(seed: number): (below: number) => number {
  let x = seed | 0 || 1;
  return below => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const quoted = (word: string): string => (/^[\w./:,-]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`);

/** One table with one line in it. */
export function fuzzedText(random: (below: number) => number): string {
  const base = cases[random(cases.length)]!;
  const words: string[] = base.args.map(quoted);
  for (let edits = random(4); edits > 0; edits--) {
    const at = random(words.length + 1);
    switch (random(7)) {
      case 0:
        words.splice(at, 1);
        break;
      case 1:
        words.splice(at, 0, quoted(vocabulary[random(vocabulary.length)]!));
        break;
      case 2:
        words[at] = spoilt[random(spoilt.length)]!;
        break;
      case 3:
        words.splice(at, 0, ...cases[random(cases.length)]!.args.map(quoted));
        break;
      case 4: {
        const word = words[at] ?? '';
        const cut = random(word.length + 1);
        words[at] = word.slice(0, cut) + (random(2) === 0 ? '' : String.fromCharCode(32 + random(95))) + word.slice(cut + random(2));
        break;
      }
      case 5:
        words[at] = quoted(vocabulary[random(vocabulary.length)]!);
        break;
      default:
        words.splice(at, 0, '!');
    }
  }
  const command = ['-A', '-A', '-A', '-I', '-D', '-R', '-N', ':'][random(8)]!;
  const line = `${random(8) === 0 ? '[1:2] ' : ''}${command} ${base.chain} ${words.join(' ')}`.replaceAll('\n', ' ');
  return `*${base.table}\n${line}\nCOMMIT\n`;
}

/**
 * What must hold for any text: it is taken or refused with a place, never anything else; and what is taken is written in a form that
 * is read again, and written the same once more.
 * @returns whether it was taken
 */
export function checkText(text: string): boolean {
  let written: string;
  try {
    written = writeRuleSet(readRuleSet(text).ruleSet, { counters: true });
  } catch (error) {
    if (error instanceof TextError && error.line >= 1 && error.column >= 1) return false;
    throw new Error(`not a complaint about the text: ${JSON.stringify(text)}`, { cause: error });
  }
  let again: string;
  try {
    again = writeRuleSet(readRuleSet(written, { counters: true }).ruleSet, { counters: true });
  } catch (error) {
    throw new Error(`what was written cannot be read: ${JSON.stringify(text)} was written as ${JSON.stringify(written)}`, { cause: error });
  }
  if (again !== written) throw new Error(`written twice in two ways: ${JSON.stringify(written)} and ${JSON.stringify(again)}`);
  return true;
}

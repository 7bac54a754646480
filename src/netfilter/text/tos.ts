/** Values of the TOS field by name (RFC 1349), and DSCP classes (RFC 2474, 2597, 3246). */
import { parseUnsigned, scanEnd, scanUnsigned } from './numbers.ts';
import type { Marked } from './values.ts';
import { MAX_U8 } from './values.ts';
import type { Words } from './words.ts';

const tosNames = [
  ['Minimize-Delay', 0x10],
  ['Maximize-Throughput', 0x08],
  ['Maximize-Reliability', 0x04],
  ['Minimize-Cost', 0x02],
  ['Normal-Service', 0x00],
] as const;
/** A name leaves the two highest bits (the rest of the precedence) alone. */
const NAME_MASK = 0x3f;

/** `value`, `value/mask` or a name. */
export function tosMask(word: string, words: Words): Marked {
  const value = scanUnsigned(word);
  if (value <= MAX_U8) {
    if (scanEnd === word.length) return { value, mask: MAX_U8 };
    const mask = word[scanEnd] === '/' ? parseUnsigned(word.slice(scanEnd + 1), 0, MAX_U8) : -1;
    return mask < 0 ? words.bad('a value 0..0xff with a mask of the same size') : { value, mask };
  }
  const named = tosNames.find(([name]) => name.toLowerCase() === word.toLowerCase());
  return named ? { value: named[1], mask: NAME_MASK } : words.bad(`a value 0..0xff or one of ${tosNames.map(([n]) => n).join(' ')}`);
}

export const tosName = (m: Marked): string | undefined => (m.mask === NAME_MASK ? tosNames.find(([, v]) => v === m.value)?.[0] : undefined);

const classes: readonly (readonly [string, number])[] = [
  ...[0, 1, 2, 3, 4, 5, 6, 7].map(i => [`CS${i}`, i << 3] as const),
  ['BE', 0],
  ...[1, 2, 3, 4].flatMap(c => [1, 2, 3].map(drop => [`AF${c}${drop}`, (c << 3) | (drop << 1)] as const)),
  ['EF', 0x2e],
];

/** Only the start of the word counts, as in iptables. */
export const dscpClass = (word: string, words: Words): number =>
  classes.find(([name]) => word.toUpperCase().startsWith(name))?.[1] ?? words.bad('a DiffServ class: CS0..CS7, AF11..AF43, BE or EF');

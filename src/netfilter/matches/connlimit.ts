/** How many connections a host or a network has (`xt_connlimit`). */
import { asText, defineExtraMatch, extraOption, needsAny } from '../text/extra.ts';
import { netmask, u32 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Bits of the mask, however it was written. */
function readMask(word: string, words: Words): string {
  let mask = netmask(word) ?? words.bad('a prefix length 0..32 or a netmask');
  let bits = 0;
  for (; mask !== 0; mask &= mask - 1) bits++;
  return String(bits);
}

export const connlimit = defineExtraMatch('connlimit', {
  options: {
    'connlimit-upto': { parse: asText(u32), not: true, excludes: ['connlimit-above'] },
    'connlimit-above': { parse: asText(u32), not: true },
    'connlimit-mask': { parse: readMask },
    'connlimit-saddr': { excludes: ['connlimit-daddr'] },
    'connlimit-daddr': {},
  },
  list(o) {
    const limit = o.has('connlimit-above') ? `> ${o.value('connlimit-above')}` : `<= ${o.value('connlimit-upto')}`;
    return ` #conn ${o.has('connlimit-daddr') ? 'dst' : 'src'}/${o.value('connlimit-mask')} ${limit}`;
  },
  check: (given, words) => needsAny(given, words, 'connlimit-upto', 'connlimit-above'),
  read(given) {
    const limit = (given['connlimit-upto'] ?? given['connlimit-above'])!;
    const above = (given['connlimit-above'] !== undefined) !== limit.not;
    return [
      extraOption(above ? 'connlimit-above' : 'connlimit-upto', limit.value as string),
      extraOption('connlimit-mask', (given['connlimit-mask']?.value as string | undefined) ?? '32'),
      extraOption(given['connlimit-daddr'] ? 'connlimit-daddr' : 'connlimit-saddr'),
    ];
  },
});

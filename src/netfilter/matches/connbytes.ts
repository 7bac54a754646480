/** How much a connection has carried (`xt_connbytes`). */
import { defineExtraMatch, sign } from '../text/extra.ts';
import { oneOf, u64 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const MAX_U64 = (1n << 64n) - 1n;

function readCounts(word: string, words: Words): string {
  const [low, high, more] = word.split(':');
  if (more !== undefined) words.bad('a number or a range low:high');
  const from = low === '' ? 0n : u64(low!, words);
  const to = high === undefined || high === '' ? MAX_U64 : u64(high, words);
  if (from > to) words.bad('a range whose first number is not above its last');
  return to === MAX_U64 || to === 0n ? `${from}` : `${from}:${to}`;
}

export const connbytes = defineExtraMatch('connbytes', {
  options: {
    connbytes: { parse: readCounts, not: true, required: true },
    'connbytes-mode': { parse: oneOf('packets', 'bytes', 'avgpkt'), required: true },
    'connbytes-dir': { parse: oneOf('original', 'reply', 'both'), required: true },
  },
  list: o =>
    ` ${sign(o.not('connbytes'))}connbytes ${o.value('connbytes')} connbytes mode ${o.value('connbytes-mode')}` +
    ` connbytes direction ${o.value('connbytes-dir')}`,
});

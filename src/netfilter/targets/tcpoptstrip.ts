/** Blanks TCP options (`xt_TCPOPTSTRIP`). */
import { defineExtraTarget } from '../text/extra.ts';
import { parseUnsigned } from '../text/numbers.ts';
import type { Words } from '../text/words.ts';

const names: Record<string, number> = { wscale: 3, mss: 2, 'sack-permitted': 4, sack: 5, timestamp: 8, md5: 19 };

function readOptions(word: string, words: Words): string {
  const numbers = word.split(',').map(item => (Object.hasOwn(names, item) ? names[item]! : parseUnsigned(item, 2, 255)));
  if (numbers.some(n => n < 0)) words.bad(`a list of TCP options 2..255 or ${Object.keys(names).join(',')}`);
  if (new Set(numbers).size < numbers.length) words.bad('each TCP option once');
  return numbers.sort((a, b) => a - b).join(',');
}

export const tcpoptstrip = defineExtraTarget('TCPOPTSTRIP', {
  options: { 'strip-options': { parse: readOptions } },
  list(o, { numeric }) {
    const numbers = o.value('strip-options').split(',');
    const name = (n: string): string => Object.entries(names).find(([, v]) => String(v) === n)?.[0] ?? n;
    return ` TCPOPTSTRIP${o.has('strip-options') ? ` options ${(numeric ? numbers : numbers.map(name)).join(',')}` : ''}`;
  },
  places: { tables: ['mangle'], protocols: [6] },
});

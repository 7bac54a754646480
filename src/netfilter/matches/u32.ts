/** Four bytes of the packet, found by a formula, against ranges (`xt_u32`). */
import { defineExtraMatch, sign } from '../text/extra.ts';
import { hex, scanEnd, scanUnsigned } from '../text/numbers.ts';
import { MAX_U32 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Tests, steps of a location, and ranges of a value. */
const MAX = 10;

function number(text: string, words: Words): string {
  const v = scanUnsigned(text);
  return v <= MAX_U32 && text.slice(scanEnd).trim() === '' ? hex(v) : words.bad(`numbers up to 0xffffffff (bad number "${text.trim()}")`);
}

/** `6&0xFF`, `0>>22&0x3C@4`. */
function location(text: string, words: Words): string {
  const parts = text.split(/(<<|>>|&|@)/);
  if (parts.length > 2 * MAX) words.bad(`at most ${MAX} steps in a location`);
  return parts.map((part, i) => (i % 2 === 1 ? part : number(part, words))).join('');
}

/** `1`, `5:9`. Equal ends are one number. */
function range(text: string, words: Words): string {
  const [low, high, more] = text.split(':');
  if (more !== undefined) words.bad('ranges low:high');
  const from = number(low!, words);
  const to = high === undefined ? from : number(high, words);
  return from === to ? from : `${from}:${to}`;
}

function readTests(word: string, words: Words): string {
  const tests = word.split('&&').map(test => {
    const [where, values, more] = test.split('=');
    if (values === undefined || more !== undefined) return words.bad('tests "location=value" joined by &&');
    const ranges = values.split(',');
    if (ranges.length > MAX) words.bad(`at most ${MAX} ranges in a value`);
    return `${location(where!, words)}=${ranges.map(r => range(r, words)).join(',')}`;
  });
  return tests.length > MAX ? words.bad(`at most ${MAX} tests`) : `"${tests.join('&&')}"`;
}

export const u32 = defineExtraMatch('u32', {
  options: { u32: { parse: readTests, not: true, required: true } },
  list: o => ` u32 ${sign(o.not('u32'))}${o.value('u32')}`,
});

/** A piece of text somewhere in the packet (`xt_string`). */
import { asText, defineExtraMatch, extraOption, needsAny, sign } from '../text/extra.ts';
import { MAX_U16, oneOf, u16 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const MAX_PATTERN = 128;

function pattern(bytes: Uint8Array, words: Words): string {
  if (bytes.length === 0 || bytes.length > MAX_PATTERN) words.bad(`1 to ${MAX_PATTERN} bytes`);
  const plain = bytes.every(b => b >= 0x20 && b < 0x7f) && bytes.at(-1) !== 0x5c;
  if (!plain) return `hex-string "|${Buffer.from(bytes).toString('hex')}|"`;
  return `string "${Buffer.from(bytes).toString('latin1').replace(/["\\]/g, '\\$&')}"`;
}

/** Text with pieces of hexadecimal between bars: `ab|0d 0a|`; a backslash keeps the next character. */
function fromHex(word: string, words: Words): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < word.length; ) {
    if (word[i] === '|') {
      const close = word.indexOf('|', i + 1);
      const inside = word.slice(i + 1, close < 0 ? undefined : close);
      if (close < 0 || !/^ *([0-9a-f]{2} ?)*$/i.test(inside)) words.bad('pairs of hexadecimal digits between | and |');
      bytes.push(...Buffer.from(inside.replaceAll(' ', ''), 'hex'));
      i = close + 1;
    } else {
      if (word[i] === '\\') i++;
      if (i >= word.length) words.bad('a character behind the backslash');
      bytes.push(...Buffer.from(word[i++]!, 'utf8'));
    }
  }
  return Uint8Array.from(bytes);
}

export const string = defineExtraMatch('string', {
  options: {
    string: { parse: (word, words) => pattern(Buffer.from(word, 'utf8'), words), not: true, excludes: ['hex-string'] },
    'hex-string': { parse: (word, words) => pattern(fromHex(word, words), words), not: true },
    algo: { parse: oneOf('bm', 'kmp'), required: true },
    from: { parse: asText(u16, v => (v === 0 ? undefined : String(v))) },
    to: { parse: asText(u16, v => (v === MAX_U16 ? undefined : String(v))) },
    icase: {},
  },
  list(o) {
    const name = o.has('string') ? 'string' : 'hex-string';
    const range = (o.has('from') ? ` FROM ${o.value('from')}` : '') + (o.has('to') ? ` TO ${o.value('to')}` : '');
    return ` STRING match ${sign(o.not(name), '!')} ${o.value(name)} ALGO name ${o.value('algo')}${range}${o.has('icase') ? ' ICASE' : ''}`;
  },
  check: (given, words) => needsAny(given, words, 'string', 'hex-string'),
  read(given) {
    const text = (given.string ?? given['hex-string'])!;
    const [name, ...value] = (text.value as string).split(' ');
    const number = (n: string) => (given[n]?.value === undefined ? [] : [extraOption(n, given[n].value as string)]);
    return [
      extraOption(name!, value.join(' '), text.not),
      extraOption('algo', given.algo!.value as string),
      ...number('from'),
      ...number('to'),
      ...(given.icase ? [extraOption('icase')] : []),
    ];
  },
});

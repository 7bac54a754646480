/** A classic BPF program over the packet (`xt_bpf`). */
import { defineExtraMatch, needsAny, word } from '../text/extra.ts';
import type { Words } from '../text/words.ts';

const MAX_INSTRUCTIONS = 64;

/** `count,code jt jf k,...` */
function bytecode(text: string, words: Words): string {
  const [count, ...code] = text.trim().replace(/,$/, '').split(',');
  const wellFormed = code.every(i => /^\s*\d+ \d+ \d+ \d+\s*$/.test(i)) && code.length === Number(count) && code.length <= MAX_INSTRUCTIONS;
  if (!wellFormed || code.length === 0)
    words.bad('a program as nfbpf_compile prints it: its length, then "code jt jf k" for each instruction');
  return `"${[count, ...code.map(i => i.trim())].join(',')}"`;
}

export const bpf = defineExtraMatch('bpf', {
  options: { bytecode: { parse: bytecode, excludes: ['object-pinned'] }, 'object-pinned': { parse: word(511) } },
  list: o =>
    o.has('bytecode') ? `match bpf ${o.value('bytecode').replace(/^"\d+,|"$/g, '')} ` : ` match bpf pinned ${o.value('object-pinned')}`,
  check: (given, words) => needsAny(given, words, 'bytecode', 'object-pinned'),
});

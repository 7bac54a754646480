/** Changes the packet's fwmark (`xt_mark` revision 2). */
import { defineTarget } from '../text/extension.ts';
import { listChange, markChanges } from '../text/mark-change.ts';
import { hex } from '../text/numbers.ts';
import { type Marked, markMask, u32 } from '../text/values.ts';

const names = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const;
const others = (own: string): string[] => names.filter(n => n !== own);

export const mark = defineTarget('MARK', {
  options: {
    'set-xmark': { parse: markMask, excludes: others('set-xmark') },
    'set-mark': { parse: markMask, excludes: others('set-mark') },
    'and-mark': { parse: u32, excludes: others('and-mark') },
    'or-mark': { parse: u32, excludes: others('or-mark') },
    'xor-mark': { parse: u32 },
  },
  read(given, words) {
    for (const name of names) {
      const g = given[name];
      if (g) return { kind: 'MARK', ...(markChanges[name] as (v: number | Marked) => Marked)(g.value) };
    }
    return words.fail(`MARK wants one of ${names.map(n => `--${n}`).join(' ')}`);
  },
  print: t => ` --set-xmark ${hex(t.value)}/${hex(t.mask)}`,
  list: t => ` MARK ${listChange(t)}`,
});

/** Changes the TOS field (`xt_DSCP`). */
import type { TosTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { hex2 } from '../text/numbers.ts';
import { tosMask, tosName } from '../text/tos.ts';
import { type Marked, u8 } from '../text/values.ts';

const changes = {
  'set-tos': (m: Marked): Marked => m,
  'and-tos': (bits: number): Marked => ({ value: 0, mask: ~bits & 0xff }),
  'or-tos': (bits: number): Marked => ({ value: bits, mask: bits }),
  'xor-tos': (bits: number): Marked => ({ value: bits, mask: 0 }),
} as const;
const names = ['set-tos', 'and-tos', 'or-tos', 'xor-tos'] as const;
const others = (own: string): string[] => names.filter(n => n !== own);

/** A change in words; the numeric listing knows only one form. */
function change(t: TosTarget, numeric: boolean): string {
  const set = `set ${hex2(t.value)}/${hex2(t.mask)}`;
  if (numeric) return set;
  if (t.value === 0) return `and ${hex2(~t.mask & 0xff)}`;
  if (t.value === t.mask) return `or ${hex2(t.value)}`;
  return t.mask === 0 ? `xor ${hex2(t.value)}` : set;
}

export const tos = defineTarget('TOS', {
  options: {
    'set-tos': { parse: tosMask, excludes: others('set-tos') },
    'and-tos': { parse: u8, excludes: others('and-tos') },
    'or-tos': { parse: u8, excludes: others('or-tos') },
    'xor-tos': { parse: u8 },
  },
  read(given, words): TosTarget {
    for (const name of names) {
      const g = given[name];
      if (g) return { kind: 'TOS', ...(changes[name] as (v: number | Marked) => Marked)(g.value) };
    }
    return words.fail(`TOS wants one of ${names.map(n => `--${n}`).join(' ')}`);
  },
  print: t => ` --set-tos ${hex2(t.value)}/${hex2(t.mask)}`,
  list(t, { numeric }) {
    const name = numeric ? undefined : tosName(t);
    // Two spaces, and none before the name: so iptables 1.8.9 prints it.
    return name === undefined ? ` TOS ${change(t, numeric)}` : `  TOS set${name}`;
  },
  places: { tables: ['mangle'] },
});

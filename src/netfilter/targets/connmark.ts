/** Changes the connection's mark, or copies it from and to the packet's (`xt_connmark` revision 2). */
import type { ConnmarkTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { listChange, markChanges } from '../text/mark-change.ts';
import { hex } from '../text/numbers.ts';
import { MAX_U32, type Marked, markMask, u32, unsigned } from '../text/values.ts';

const sets = ['set-xmark', 'set-mark', 'and-mark', 'or-mark', 'xor-mark'] as const;
const operations = [...sets, 'save-mark', 'restore-mark'] as const;
const others = (own: string): string[] => operations.filter(n => n !== own);

function shiftText(shift: number, p: string): string {
  return !shift ? '' : ` ${p}${shift > 0 ? 'left' : 'right'}-shift-mark ${Math.abs(shift)}`;
}

function list(t: ConnmarkTarget): string {
  if (t.op === 'set') return listChange({ value: t.value, mask: t.ctMask });
  if (t.nfMask === MAX_U32 && t.ctMask === MAX_U32) return t.op;
  if (t.nfMask === t.ctMask) return `${t.op} mask ${hex(t.nfMask)}`;
  return t.op === 'save'
    ? `save nfmask ${hex(t.nfMask)} ctmask ~${hex(t.ctMask)}`
    : `restore ctmask ${hex(t.ctMask)} nfmask ~${hex(t.nfMask)}`;
}

export const connmark = defineTarget('CONNMARK', {
  options: {
    'set-xmark': { parse: markMask, excludes: others('set-xmark') },
    'set-mark': { parse: markMask, excludes: others('set-mark') },
    'and-mark': { parse: u32, excludes: others('and-mark') },
    'or-mark': { parse: u32, excludes: others('or-mark') },
    'xor-mark': { parse: u32, excludes: others('xor-mark') },
    'save-mark': { excludes: others('save-mark') },
    'restore-mark': {},
    'left-shift-mark': { parse: unsigned(0, 32) },
    'right-shift-mark': { parse: unsigned(0, 32) },
    ctmask: { parse: u32, excludes: ['mask'] },
    nfmask: { parse: u32, excludes: ['mask'] },
    mask: { parse: u32 },
  },
  read(given, words): ConnmarkTarget {
    const left = given['left-shift-mark'];
    const right = given['right-shift-mark'];
    // The later one of the two counts.
    const shift = right && right.at > (left?.at ?? 0) ? -right.value : (left?.value ?? 0);
    for (const name of sets) {
      const g = given[name];
      if (!g) continue;
      const change = (markChanges[name] as (v: number | Marked) => Marked)(g.value);
      const ctMask = given.ctmask?.value ?? given.mask?.value ?? change.mask;
      return { kind: 'CONNMARK', op: 'set', value: change.value, ctMask, shift };
    }
    if (!given['save-mark'] && !given['restore-mark']) words.fail(`CONNMARK wants one of ${operations.map(n => `--${n}`).join(' ')}`);
    return {
      kind: 'CONNMARK',
      op: given['save-mark'] ? 'save' : 'restore',
      nfMask: given.nfmask?.value ?? given.mask?.value ?? MAX_U32,
      ctMask: given.ctmask?.value ?? given.mask?.value ?? MAX_U32,
      shift,
    };
  },
  print(t) {
    const shift = shiftText(t.shift, '--');
    if (t.op === 'set') return ` --set-xmark ${hex(t.value)}/${hex(t.ctMask)}${shift}`;
    return ` --${t.op}-mark --nfmask ${hex(t.nfMask)} --ctmask ${hex(t.ctMask)}${shift}`;
  },
  list: t => ` CONNMARK ${list(t)}${shiftText(t.shift, '')}`,
});

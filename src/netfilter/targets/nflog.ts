/** Gives the packet to a logging program over netlink (`xt_NFLOG`). */
import type { NflogTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { cutText, quote, u16, u32 } from '../text/values.ts';

/** The prefix is a field of 64 bytes with an end mark. */
const MAX_PREFIX = 63;

function words(t: NflogTarget, p: string): string {
  return (
    (t.prefix === '' ? '' : ` ${p}nflog-prefix ${quote(t.prefix)}`) +
    (t.group === 0 ? '' : ` ${p}nflog-group ${t.group}`) +
    (t.size === undefined ? '' : ` ${p}nflog-size ${t.size}`) +
    (t.range === undefined ? '' : ` ${p}nflog-range ${t.range}`) +
    (t.threshold === 0 ? '' : ` ${p}nflog-threshold ${t.threshold}`)
  );
}

export const nflog = defineTarget('NFLOG', {
  options: {
    'nflog-group': { parse: u16 },
    'nflog-prefix': { parse: cutText(1, MAX_PREFIX) },
    'nflog-range': { parse: u32, excludes: ['nflog-size'] },
    'nflog-size': { parse: u32 },
    'nflog-threshold': { parse: u16 },
  },
  read(given, at): NflogTarget {
    if (given['nflog-range']) at.warn('--nflog-range has no effect: --nflog-size does what is meant');
    const range = given['nflog-range']?.value || undefined;
    return {
      kind: 'NFLOG',
      group: given['nflog-group']?.value ?? 0,
      prefix: given['nflog-prefix']?.value ?? '',
      ...(range !== undefined && { range }),
      ...(given['nflog-size'] && { size: given['nflog-size'].value }),
      threshold: given['nflog-threshold']?.value ?? 0,
    };
  },
  print: t => words(t, '--'),
  list: t => words(t, ''),
});

/** Addresses between two ends (`xt_iprange`). */
import { formatIpv4 } from '../../base/address.ts';
import type { IprangeMatch, NotRange, Range } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { bang, dotted } from '../text/values.ts';
import type { Words } from '../text/words.ts';

function readRange(word: string, words: Words): Range {
  const dash = word.indexOf('-');
  const low = dotted(dash < 0 ? word : word.slice(0, dash), true);
  const high = dash < 0 ? low : dotted(word.slice(dash + 1), true);
  if (low === undefined || high === undefined) return words.bad('two IPv4 addresses with a - between them');
  if (low >>> 0 > high >>> 0) words.warn(`the range ${word} is reversed: it never matches`);
  return { low, high };
}

const text = (r: Range): string => `${formatIpv4(r.low)}-${formatIpv4(r.high)}`;
const print = (option: string, r: NotRange | undefined): string => (r ? `${bang(r.not)} ${option} ${text(r)}` : '');
const list = (name: string, r: NotRange | undefined): string => (r ? ` ${name} IP range${bang(r.not)} ${text(r)}` : '');

export const iprange = defineMatch('iprange', {
  options: { 'src-range': { parse: readRange, not: true }, 'dst-range': { parse: readRange, not: true } },
  read({ 'src-range': source, 'dst-range': destination }, words): IprangeMatch {
    if (!source && !destination) words.fail('iprange wants --src-range or --dst-range');
    return {
      kind: 'iprange',
      ...(source && { source: { ...source.value, not: source.not } }),
      ...(destination && { destination: { ...destination.value, not: destination.not } }),
    };
  },
  print: m => print('--src-range', m.source) + print('--dst-range', m.destination),
  list: m => list('source', m.source) + list('destination', m.destination),
});

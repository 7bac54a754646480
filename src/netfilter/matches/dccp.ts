/** DCCP header: ports, type, options (`xt_dccp`). */
import { asText, defineExtraMatch, sign } from '../text/extra.ts';
import { resolvedRange } from '../text/ports.ts';
import { printRange, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const types = ['REQUEST', 'RESPONSE', 'DATA', 'ACK', 'DATAACK', 'CLOSEREQ', 'CLOSE', 'RESET', 'SYNC', 'SYNCACK', 'INVALID'];

function readTypes(word: string, words: Words): string {
  const asked = word.toUpperCase().split(',').filter(Boolean);
  if (asked.length === 0) words.bad(`a list of ${types.join(',')}`);
  const bad = asked.find(t => !types.includes(t));
  if (bad !== undefined) words.bad(`a list of ${types.join(',')} (bad type "${bad}")`);
  return types.filter(t => asked.includes(t)).join(',');
}
const ports = asText(resolvedRange, printRange);

export const dccp = defineExtraMatch('dccp', {
  options: {
    sport: { parse: ports, not: true, aliases: ['source-port'] },
    dport: { parse: ports, not: true, aliases: ['destination-port'] },
    'dccp-types': { parse: readTypes, not: true },
    'dccp-option': { parse: asText(unsigned(1, 255)), not: true },
  },
  list(o, { numeric }) {
    const ports = (name: string, short: string): string => {
      const value = o.value(name);
      if (value === '' || (value === '0:65535' && !o.not(name))) return '';
      return ` ${short}${value.includes(':') ? 's' : ''}:${sign(o.not(name), '!')}${value}`;
    };
    const names = o.value('dccp-types').split(',');
    // INVALID stands for the reserved types 10..15.
    const numbers = names.map(n => (n === 'INVALID' ? '10,11,12,13,14,15' : types.indexOf(n))).join(',');
    const kinds = o.has('dccp-types') ? `${sign(o.not('dccp-types'), ' !')} ${numeric ? numbers : names.join(',')}` : '';
    const option = o.has('dccp-option') ? ` option=${sign(o.not('dccp-option'), '!')}${o.value('dccp-option')}` : '';
    return ` dccp${ports('sport', 'spt')}${ports('dport', 'dpt')}${kinds}${option}`;
  },
  places: { protocols: [33] },
});

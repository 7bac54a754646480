/** DCCP header: ports, type, options (`xt_dccp`). */
import { asText, defineExtraMatch } from '../text/extra.ts';
import { resolvedRange } from '../text/ports.ts';
import { printRange, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const types = ['REQUEST', 'RESPONSE', 'DATA', 'ACK', 'DATAACK', 'CLOSEREQ', 'CLOSE', 'RESET', 'SYNC', 'SYNCACK', 'INVALID'];

function readTypes(word: string, words: Words): string {
  const asked = word.toUpperCase().split(',').filter(Boolean);
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
  places: { protocols: [33] },
});

/** Source MAC address of the frame (`xt_mac`). */
import { formatMac } from '../../base/address.ts';
import { defineMatch } from '../text/extension.ts';
import { bang } from '../text/values.ts';
import type { Words } from '../text/words.ts';

function readMac(word: string, words: Words): number[] {
  if (!/^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(word)) words.bad('a MAC address such as 02:00:5e:00:00:01');
  return word.split(':').map(octet => Number.parseInt(octet, 16));
}

export const mac = defineMatch('mac', {
  options: { 'mac-source': { parse: readMac, not: true, required: true } },
  read: ({ 'mac-source': source }) => ({ kind: 'mac', source: source!.value, not: source!.not }),
  print: m => `${bang(m.not)} --mac-source ${formatMac(m.source)}`,
  list: m => ` MAC ${m.not ? '! ' : ''}${formatMac(m.source)}`,
  places: { hooks: ['PREROUTING', 'INPUT', 'FORWARD'] },
});

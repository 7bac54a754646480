/** Gives the packet to a local socket without changing it (`xt_TPROXY`). */
import { formatIpv4 } from '../../base/address.ts';
import { asText, defineExtraTarget, extraOption } from '../text/extra.ts';
import { hex } from '../text/numbers.ts';
import { host, markMask, port } from '../text/values.ts';

export const tproxy = defineExtraTarget('TPROXY', {
  options: {
    'on-port': { parse: asText((w, at) => port(w, at)), required: true },
    'on-ip': { parse: asText(host, formatIpv4) },
    'tproxy-mark': { parse: asText(markMask, m => `${hex(m.value)}/${hex(m.mask)}`) },
  },
  read: given => [
    extraOption('on-port', given['on-port']!.value as string),
    extraOption('on-ip', (given['on-ip']?.value as string | undefined) ?? '0.0.0.0'),
    extraOption('tproxy-mark', (given['tproxy-mark']?.value as string | undefined) ?? '0x0/0x0'),
  ],
  list: o => ` TPROXY redirect ${o.value('on-ip')}:${o.value('on-port')} mark ${o.value('tproxy-mark')}`,
  places: { tables: ['mangle'], hooks: ['PREROUTING'], protocols: [6, 17] },
});

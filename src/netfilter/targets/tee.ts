/** Sends a copy of the packet to another machine (`xt_TEE`). */
import { formatIpv4 } from '../../base/address.ts';
import { asText, defineExtraTarget, word } from '../text/extra.ts';
import { host } from '../text/values.ts';

export const tee = defineExtraTarget('TEE', {
  options: { gateway: { parse: asText(host, formatIpv4), required: true }, oif: { parse: word(15) } },
  list: o => ` TEE gw:${o.value('gateway')}${o.has('oif') ? ` oif=${o.value('oif')}` : ''}`,
});

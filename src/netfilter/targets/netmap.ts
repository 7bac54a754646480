/** Maps a whole network onto another, address by address (`xt_NETMAP`). */
import { formatIpv4 } from '../../base/address.ts';
import { defineTarget } from '../text/extension.ts';
import { hostMask, printMask } from '../text/values.ts';

export const netmap = defineTarget('NETMAP', {
  options: { to: { parse: hostMask, required: true } },
  read: ({ to }) => ({ kind: 'NETMAP', address: to!.value.address & to!.value.mask, mask: to!.value.mask }),
  print: t => ` --to ${formatIpv4(t.address)}${printMask(t.mask)}`,
  list: t => ` to:${formatIpv4(t.address)}${printMask(t.mask)}`,
  places: { tables: ['nat'] },
});

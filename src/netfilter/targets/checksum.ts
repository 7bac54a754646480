/** Fills in the transport checksum of packets whose device would do it (`xt_CHECKSUM`). */
import { defineExtraTarget } from '../text/extra.ts';

export const checksum = defineExtraTarget('CHECKSUM', {
  options: { 'checksum-fill': { required: true } },
  list: () => ' CHECKSUM fill',
  places: { tables: ['mangle'] },
});

/** So many bytes, and then no more (`xt_quota`). */
import { asText, defineExtraMatch } from '../text/extra.ts';
import { u64 } from '../text/values.ts';

export const quota = defineExtraMatch('quota', {
  options: { quota: { parse: asText(u64), not: true, required: true } },
  // The inversion does not show in a listing.
  list: o => ` quota: ${o.value('quota')} bytes`,
});

/** Gives the packet a security mark (`xt_SECMARK`). */
import { defineExtraTarget, word } from '../text/extra.ts';

export const secmark = defineExtraTarget('SECMARK', {
  options: { selctx: { parse: word(255), required: true } },
  places: { tables: ['mangle', 'security'] },
});

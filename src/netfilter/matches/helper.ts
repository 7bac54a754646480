/** The conntrack helper that watches the connection (`xt_helper`). */
import { asText, defineExtraMatch } from '../text/extra.ts';
import { cutText, quote } from '../text/values.ts';

export const helper = defineExtraMatch('helper', {
  options: { helper: { parse: asText(cutText(0, 29), v => (v === '' ? '""' : quote(v))), not: true, required: true } },
});

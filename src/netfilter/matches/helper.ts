/** The conntrack helper that watches the connection (`xt_helper`). */
import { asText, defineExtraMatch, sign } from '../text/extra.ts';
import { cutText, quote } from '../text/values.ts';

export const helper = defineExtraMatch('helper', {
  list: o => ` helper match ${sign(o.not('helper'))}"${o.value('helper').replace(/^"|"$/g, '')}"`,
  options: { helper: { parse: asText(cutText(0, 29), v => (v === '' ? '""' : quote(v))), not: true, required: true } },
});

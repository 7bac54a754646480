/** Tells user space when no packet came for a while (`xt_IDLETIMER`). */
import { asText, defineExtraTarget, word } from '../text/extra.ts';
import { MAX_U32, unsigned } from '../text/values.ts';

export const idletimer = defineExtraTarget('IDLETIMER', {
  options: { timeout: { parse: asText(unsigned(1, MAX_U32)), required: true }, label: { parse: word(27), required: true }, alarm: {} },
  list: o => ` timeout:${o.value('timeout')} label:${o.value('label')}${o.has('alarm') ? ' alarm' : ''}`,
});

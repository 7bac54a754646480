/** Labels of the connection, by number (`xt_connlabel`). */
import { asText, defineExtraMatch, sign } from '../text/extra.ts';
import { unsigned } from '../text/values.ts';

export const connlabel = defineExtraMatch('connlabel', {
  options: { label: { parse: asText(unsigned(0, 127), v => `"${v}"`), not: true, required: true }, set: {} },
  list: o => ` connlabel ${sign(o.not('label'))}${o.value('label').replaceAll('"', '')}${o.has('set') ? ' set' : ''}`,
});

/** Which processor handles the packet (`xt_cpu`). */
import { asText, defineExtraMatch, sign } from '../text/extra.ts';
import { u32 } from '../text/values.ts';

export const cpu = defineExtraMatch('cpu', {
  options: { cpu: { parse: asText(u32), not: true, required: true } },
  list: o => ` cpu ${sign(o.not('cpu'))}${o.value('cpu')}`,
});

/** Which processor handles the packet (`xt_cpu`). */
import { asText, defineExtraMatch } from '../text/extra.ts';
import { u32 } from '../text/values.ts';

export const cpu = defineExtraMatch('cpu', { options: { cpu: { parse: asText(u32), not: true, required: true } } });

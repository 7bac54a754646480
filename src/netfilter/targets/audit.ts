/** Tells the audit system about the packet (`xt_AUDIT`). */
import { defineExtraTarget } from '../text/extra.ts';
import { oneOf } from '../text/values.ts';

export const audit = defineExtraTarget('AUDIT', {
  options: { type: { parse: oneOf('accept', 'drop', 'reject'), required: true } },
  list: o => ` AUDIT ${o.value('type')}`,
});

/** Groups of the packet's interfaces (`xt_devgroup`). */
import { defineExtraMatch, needsAny } from '../text/extra.ts';
import { systemNames } from '../text/names.ts';
import { listValueMask, valueMask } from '../text/value-mask.ts';

const group = { parse: valueMask(systemNames.deviceGroupNumber, systemNames.deviceGroupName), not: true };

export const devgroup = defineExtraMatch('devgroup', {
  options: { 'src-group': group, 'dst-group': group },
  list: (o, { numeric }) => o.all.map(v => listValueMask(v, numeric, systemNames.deviceGroupNumber)).join(''),
  check: (given, words) => needsAny(given, words, 'src-group', 'dst-group'),
  places: options => ({
    ...(options.some(o => o.name === 'src-group') && { hooks: ['PREROUTING', 'INPUT', 'FORWARD'] as const }),
    ...(options.some(o => o.name === 'dst-group') && { hooks: ['FORWARD', 'OUTPUT', 'POSTROUTING'] as const }),
  }),
});

/** Routing realm of the packet's route (`xt_realm`). */
import { defineExtraMatch } from '../text/extra.ts';
import { systemNames } from '../text/names.ts';
import { listValueMask, valueMask } from '../text/value-mask.ts';

export const realm = defineExtraMatch('realm', {
  options: { realm: { parse: valueMask(systemNames.realmNumber, systemNames.realmName), not: true, required: true } },
  list: (o, { numeric }) => o.all.map(v => listValueMask(v, numeric, systemNames.realmNumber)).join(''),
  places: { hooks: ['INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] },
});

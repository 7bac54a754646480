/** Routing realm of the packet's route (`xt_realm`). */
import { defineExtraMatch } from '../text/extra.ts';
import { systemNames } from '../text/names.ts';
import { valueMask } from '../text/value-mask.ts';

export const realm = defineExtraMatch('realm', {
  options: { realm: { parse: valueMask(systemNames.realmNumber, systemNames.realmName), not: true, required: true } },
  places: { hooks: ['INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] },
});

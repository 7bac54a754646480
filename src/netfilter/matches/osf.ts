/** Which operating system a SYN looks like (`xt_osf`). */
import { asText, defineExtraMatch, sign, word } from '../text/extra.ts';
import { unsigned } from '../text/values.ts';

export const osf = defineExtraMatch('osf', {
  options: {
    genre: { parse: word(31), not: true, required: true },
    ttl: { parse: asText(unsigned(0, 2)) },
    log: { parse: asText(unsigned(0, 2)) },
  },
  list: o => ` OS fingerprint match ${sign(o.not('genre'))}${o.value('genre')}`,
  places: { protocols: [6], hooks: ['PREROUTING', 'INPUT', 'FORWARD'] },
});

/** Answers SYNs in place of the server (`ipt_SYNPROXY`). */
import { asText, defineExtraTarget } from '../text/extra.ts';
import { MAX_U16, unsigned } from '../text/values.ts';

export const synproxy = defineExtraTarget('SYNPROXY', {
  options: {
    'sack-perm': {},
    timestamp: {},
    wscale: { parse: asText(unsigned(0, 255)) },
    mss: { parse: asText(unsigned(0, MAX_U16)) },
    ecn: {},
  },
  places: { protocols: [6], hooks: ['INPUT', 'FORWARD'] },
});

/** Parameter index of the IP compression header (`xt_ipcomp`). */
import { defineExtraMatch } from '../text/extra.ts';
import { spiRange } from '../text/spi.ts';

export const ipcomp = defineExtraMatch('ipcomp', {
  options: { ipcompspi: { parse: spiRange, not: true }, compres: {} },
  places: { protocols: [108] },
});

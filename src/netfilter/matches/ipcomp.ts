/** Parameter index of the IP compression header (`xt_ipcomp`). */
import { defineExtraMatch } from '../text/extra.ts';
import { listSpi, spiRange } from '../text/spi.ts';

export const ipcomp = defineExtraMatch('ipcomp', {
  options: { ipcompspi: { parse: spiRange, not: true }, compres: {} },
  list: o => ` comp${listSpi('ipcompspi', o)}${o.has('compres') ? ' reserved' : ''}`,
  places: { protocols: [108] },
});

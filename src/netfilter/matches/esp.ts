/** SPI of the IPsec encapsulating header (`xt_esp`). */
import { defineExtraMatch } from '../text/extra.ts';
import { listSpi, spiRange } from '../text/spi.ts';

export const esp = defineExtraMatch('esp', {
  options: { espspi: { parse: spiRange, not: true } },
  list: o => ` esp${listSpi('espspi', o)}`,
  places: { protocols: [50] },
});

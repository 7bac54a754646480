/** SPI of the IPsec authentication header (`ipt_ah`). */
import { defineExtraMatch } from '../text/extra.ts';
import { listSpi, spiRange } from '../text/spi.ts';

export const ah = defineExtraMatch('ah', {
  options: { ahspi: { parse: spiRange, not: true } },
  list: o => ` ah${listSpi('ahspi', o)}`,
  places: { protocols: [51] },
});

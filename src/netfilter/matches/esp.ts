/** SPI of the IPsec encapsulating header (`xt_esp`). */
import { defineExtraMatch } from '../text/extra.ts';
import { spiRange } from '../text/spi.ts';

export const esp = defineExtraMatch('esp', { options: { espspi: { parse: spiRange, not: true } }, places: { protocols: [50] } });

/** Congestion bits of the IPv4 and TCP headers (`xt_ecn`). */
import { asText, defineExtraMatch, needsAny } from '../text/extra.ts';
import { unsigned } from '../text/values.ts';

export const ecn = defineExtraMatch('ecn', {
  options: { 'ecn-tcp-ece': { not: true }, 'ecn-tcp-cwr': { not: true }, 'ecn-ip-ect': { parse: asText(unsigned(0, 3)), not: true } },
  check: (given, words) => needsAny(given, words, 'ecn-tcp-ece', 'ecn-tcp-cwr', 'ecn-ip-ect'),
  places: options => (options.some(o => o.name !== 'ecn-ip-ect') ? { protocols: [6] } : {}),
});

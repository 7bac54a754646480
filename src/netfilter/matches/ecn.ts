/** Congestion bits of the IPv4 and TCP headers (`xt_ecn`). */
import { asText, defineExtraMatch, needsAny, sign } from '../text/extra.ts';
import { unsigned } from '../text/values.ts';

export const ecn = defineExtraMatch('ecn', {
  options: { 'ecn-tcp-ece': { not: true }, 'ecn-tcp-cwr': { not: true }, 'ecn-ip-ect': { parse: asText(unsigned(0, 3)), not: true } },
  list(o) {
    const bit = (name: string, text: string): string => (o.has(name) ? ` ${sign(o.not(name), '!')}${text}${o.value(name)}` : '');
    return ` ECN match${bit('ecn-tcp-ece', 'ECE')}${bit('ecn-tcp-cwr', 'CWR')}${bit('ecn-ip-ect', 'ECT=')}`;
  },
  check: (given, words) => needsAny(given, words, 'ecn-tcp-ece', 'ecn-tcp-cwr', 'ecn-ip-ect'),
  places: options => (options.some(o => o.name !== 'ecn-ip-ect') ? { protocols: [6] } : {}),
});

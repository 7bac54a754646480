/** Changes the congestion bits (`ipt_ECN`). */
import { asText, defineExtraTarget, extraOption, needsAny } from '../text/extra.ts';
import { unsigned } from '../text/values.ts';

const bit = asText(unsigned(0, 1));

export const ecn = defineExtraTarget('ECN', {
  options: {
    'ecn-tcp-remove': { excludes: ['ecn-tcp-ece', 'ecn-tcp-cwr'] },
    'ecn-tcp-ece': { parse: bit },
    'ecn-tcp-cwr': { parse: bit },
    'ecn-ip-ect': { parse: asText(unsigned(0, 3)) },
  },
  check: (given, words) => needsAny(given, words, 'ecn-tcp-remove', 'ecn-tcp-ece', 'ecn-tcp-cwr', 'ecn-ip-ect'),
  read(given) {
    const both = given['ecn-tcp-ece']?.value === '0' && given['ecn-tcp-cwr']?.value === '0' && !given['ecn-ip-ect'];
    if (given['ecn-tcp-remove'] || both) return [extraOption('ecn-tcp-remove')];
    return ['ecn-tcp-ece', 'ecn-tcp-cwr', 'ecn-ip-ect'].filter(n => given[n]).map(n => extraOption(n, given[n]!.value as string));
  },
  list(o) {
    if (o.has('ecn-tcp-remove')) return ' ECN TCP remove';
    const bit = (name: string, text: string): string => (o.has(name) ? ` ${text}=${o.value(name)}` : '');
    return ` ECN${bit('ecn-tcp-ece', 'ECE')}${bit('ecn-tcp-cwr', 'CWR')}${bit('ecn-ip-ect', 'ECT codepoint')}`;
  },
  places: options => ({ tables: ['mangle'], ...(options.some(o => o.name !== 'ecn-ip-ect') && { protocols: [6] }) }),
});

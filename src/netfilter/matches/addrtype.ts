/** What kind of address the routing table says it is (`xt_addrtype`). */
import { type AddrtypeMatch, addressTypes } from '../ruleset.ts';
import { defineMatch, type Hook } from '../text/extension.ts';
import { bang, flagList } from '../text/values.ts';

const readTypes = flagList(addressTypes.map((name, i) => [name, 1 << i] as const));
const printTypes = (bits: number): string => addressTypes.filter((_, i) => bits & (1 << i)).join(',');
const incoming: Hook[] = ['PREROUTING', 'INPUT', 'FORWARD'];
const outgoing: Hook[] = ['FORWARD', 'OUTPUT', 'POSTROUTING'];

export const addrtype = defineMatch('addrtype', {
  options: {
    'src-type': { parse: readTypes, not: true },
    'dst-type': { parse: readTypes, not: true },
    'limit-iface-in': { excludes: ['limit-iface-out'] },
    'limit-iface-out': {},
  },
  read(given, words): AddrtypeMatch {
    const source = given['src-type'];
    const destination = given['dst-type'];
    if (!source && !destination) words.fail('addrtype wants --src-type or --dst-type');
    return {
      kind: 'addrtype',
      ...(source && { source: { types: source.value, not: source.not } }),
      ...(destination && { destination: { types: destination.value, not: destination.not } }),
      limitIn: given['limit-iface-in'] !== undefined,
      limitOut: given['limit-iface-out'] !== undefined,
    };
  },
  print(m) {
    const source = m.source ? `${bang(m.source.not)} --src-type ${printTypes(m.source.types)}` : '';
    const destination = m.destination ? `${bang(m.destination.not)} --dst-type ${printTypes(m.destination.types)}` : '';
    return `${source}${destination}${m.limitIn ? ' --limit-iface-in' : ''}${m.limitOut ? ' --limit-iface-out' : ''}`;
  },
  list(m) {
    const source = m.source ? ` src-type ${m.source.not ? '!' : ''}${printTypes(m.source.types)}` : '';
    const destination = m.destination ? ` dst-type ${m.destination.not ? '!' : ''}${printTypes(m.destination.types)}` : '';
    return ` ADDRTYPE match${source}${destination}${m.limitIn ? ' limit-in' : ''}${m.limitOut ? ' limit-out' : ''}`;
  },
  places: m => ({ ...(m.limitIn && { hooks: incoming }), ...(m.limitOut && { hooks: outgoing }) }),
});

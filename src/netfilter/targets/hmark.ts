/** A mark that is a hash of the packet (`xt_HMARK`). */
import { asText, defineExtraTarget, type ExtraGiven, extraOption } from '../text/extra.ts';
import { MAX_U16, MAX_U32, u16, u32, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const fixed = (digits: number) => (v: number) => `0x${v.toString(16).padStart(digits, '0')}`;

/** Words of `--hmark-tuple`, in the order in which iptables tries them, and what each stands for. */
const tuple: readonly (readonly [string, string, string])[] = [
  ['ct', 'hmark-tuple', 'ct'],
  ['src', 'hmark-src-prefix', '32'],
  ['dst', 'hmark-dst-prefix', '32'],
  ['sport', 'hmark-sport-mask', '0xffff'],
  ['dport', 'hmark-dport-mask', '0xffff'],
  ['proto', 'hmark-proto-mask', '0xffff'],
  ['spi', 'hmark-spi-mask', '0xffffffff'],
];

function readTuple(word: string, words: Words): string {
  const found = word.split(',').map(item => {
    const known = item === '' ? undefined : tuple.find(([name]) => name.startsWith(item.toLowerCase()));
    return known ?? words.bad(`a list of ${tuple.map(([name]) => name).join(',')}`);
  });
  return found.map(([name]) => name).join(',');
}

const port = { parse: asText(u16, fixed(4)) };
const spi = { parse: asText(u32, fixed(8)) };
const prefix = { parse: asText(unsigned(0, 32)) };
/** Options that say what is hashed. */
const hashed = [
  ...['hmark-src-prefix', 'hmark-dst-prefix', 'hmark-sport-mask', 'hmark-dport-mask', 'hmark-spi-mask', 'hmark-sport', 'hmark-dport'],
  ...['hmark-spi', 'hmark-proto-mask'],
];
const printed = [...hashed, 'hmark-rnd', 'hmark-mod', 'hmark-offset'];

function valuesOf(given: ExtraGiven): Map<string, string> {
  const values = new Map<string, string>();
  for (const name of printed) if (given[name]) values.set(name, given[name].value as string);
  for (const item of ((given['hmark-tuple']?.value as string | undefined) ?? '').split(',')) {
    const known = tuple.find(([name]) => name === item);
    if (known) values.set(known[1], known[2]);
  }
  return values;
}

export const hmark = defineExtraTarget('HMARK', {
  options: {
    'hmark-tuple': { parse: readTuple },
    'hmark-src-prefix': prefix,
    'hmark-dst-prefix': prefix,
    'hmark-sport-mask': port,
    'hmark-dport-mask': port,
    'hmark-spi-mask': spi,
    'hmark-sport': port,
    'hmark-dport': port,
    'hmark-spi': spi,
    'hmark-proto-mask': { parse: asText(unsigned(0, MAX_U16), fixed(2)) },
    'hmark-rnd': { ...spi, required: true },
    'hmark-mod': { parse: asText(unsigned(1, MAX_U32)), required: true },
    'hmark-offset': { parse: asText(u32) },
  },
  list(o) {
    const plain = (name: string): string => o.value(name).replace(/^0x0*(?=.)/, '0x');
    const rest = printed
      .filter(n => n !== 'hmark-mod' && n !== 'hmark-offset' && o.has(n))
      .map(n => `${n.slice('hmark-'.length)} ${plain(n)} `);
    const offset = o.has('hmark-offset') ? `+ 0x${Number(o.value('hmark-offset')).toString(16)} ` : '';
    return ` HMARK mod ${o.value('hmark-mod')} ${offset}${o.has('hmark-tuple') ? 'ct, ' : ''}${rest.join('')}`;
  },
  read(given, words) {
    const values = valuesOf(given);
    if (![...hashed, 'hmark-tuple'].some(name => values.has(name))) words.fail('HMARK wants --hmark-tuple or what to hash');
    if (values.has('hmark-spi-mask') && (values.has('hmark-sport-mask') || values.has('hmark-dport-mask')))
      words.fail('HMARK: --hmark-spi-mask and the masks of ports exclude each other');
    return [...printed, 'hmark-tuple'].filter(name => values.has(name)).map(name => extraOption(name, values.get(name)));
  },
});

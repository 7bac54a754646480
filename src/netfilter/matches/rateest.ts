/** Compares rate estimators with each other or with a rate (`xt_rateest`). */
import type { ExtraOption } from '../ruleset.ts';
import { asText, defineExtraMatch, type ExtraGiven, extraOption, word } from '../text/extra.ts';
import { u32 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Bits per second of each unit; upper and lower case are the same. The first that fits wins. */
const units: readonly (readonly [string, number])[] = [
  ['bit', 1],
  ['kibit', 1024],
  ['kbit', 1000],
  ['mibit', 1024 ** 2],
  ['mbit', 1e6],
  ['gibit', 1024 ** 3],
  ['gbit', 1e9],
  ['tibit', 1024 ** 4],
  ['tbit', 1e12],
  ['bps', 8],
  ['kibps', 8 * 1024],
  ['kbps', 8000],
  ['mibps', 8 * 1024 ** 2],
  ['mbps', 8e6],
  ['gibps', 8 * 1024 ** 3],
  ['gbps', 8e9],
  ['tibps', 8 * 1024 ** 4],
  ['tbps', 8e12],
];

/** A rate with its unit; kept in bytes per second, printed in bits. */
function readBits(text: string, words: Words): string {
  const m = /^\s*(\d+\.?\d*|\.\d+)([a-z]*)$/i.exec(text);
  const scale = m?.[2] === '' ? 1 : units.find(([name]) => name === m?.[2]?.toLowerCase())?.[1];
  if (!m || scale === undefined) return words.bad('a rate such as 5mbit or 100kbps');
  const bits = (Math.floor((Number(m[1]) * scale) / 8) >>> 0) * 8;
  if (bits >= 1e9) return `${Math.round(bits / 1e6)}Mbit`;
  return bits >= 1e6 ? `${Math.round(bits / 1000)}Kbit` : `${bits}bit`;
}

/** These take a rate, or none when two estimators are compared. */
const bits = { parse: readBits, optionalValue: true };
const packets = { parse: asText(u32), optionalValue: true };

const estimator = (text: string, words: Words): string => words.checkObject('rateest', word(15)(text, words));

/** One kind of rate: `--rateest-bps1 X --rateest-lt --rateest-bps2 Y`, or without delta `--rateest-lt --rateest-bps Y`. */
function comparison(given: ExtraGiven, unit: 'bps' | 'pps', mode: ExtraOption, delta: boolean, relative: boolean): ExtraOption[] {
  const first = given[`rateest-${unit}1`];
  const second = given[`rateest-${unit}2`] ?? given[`rateest-${unit}`];
  if (!first && !second) return [];
  const zero = unit === 'bps' ? '0bit' : '0';
  const value = (g: typeof first): string => (typeof g?.value === 'string' ? g.value : zero);
  if (!delta) return [mode, relative ? extraOption(`rateest-${unit}`) : extraOption(`rateest-${unit}`, value(second))];
  return [extraOption(`rateest-${unit}1`, value(first)), mode, extraOption(`rateest-${unit}2`, value(second))];
}

export const rateest = defineExtraMatch('rateest', {
  options: {
    rateest1: { parse: estimator, required: true, aliases: ['rateest'] },
    rateest2: { parse: estimator },
    'rateest-bps1': bits,
    'rateest-pps1': packets,
    'rateest-bps2': bits,
    'rateest-pps2': packets,
    'rateest-bps': { ...bits, excludes: ['rateest-bps2'] },
    'rateest-pps': { ...packets, excludes: ['rateest-pps2'] },
    'rateest-delta': {},
    'rateest-lt': { not: true, excludes: ['rateest-gt', 'rateest-eq'] },
    'rateest-gt': { not: true, excludes: ['rateest-eq'] },
    'rateest-eq': { not: true },
  },
  read(given, words) {
    const name =
      ['rateest-lt', 'rateest-gt', 'rateest-eq'].find(n => given[n]) ??
      words.fail('rateest wants --rateest-lt, --rateest-gt or --rateest-eq');
    const mode = extraOption(name, undefined, given[name]!.not);
    const delta = given['rateest-delta'] !== undefined;
    const second = given.rateest2;
    const rates = [
      ...comparison(given, 'bps', mode, delta, second !== undefined),
      ...comparison(given, 'pps', mode, delta, second !== undefined),
    ];
    if (rates.length === 0) words.fail('rateest wants a rate: one of the --rateest-bps and --rateest-pps options');
    return [
      ...(delta ? [extraOption('rateest-delta')] : []),
      extraOption(second ? 'rateest1' : 'rateest', given.rateest1!.value as string),
      ...rates,
      ...(second ? [extraOption('rateest2', second.value as string)] : []),
    ];
  },
});

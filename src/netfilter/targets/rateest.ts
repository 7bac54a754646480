/** Measures the rate of the packets under a name (`xt_RATEEST`). */
import { defineExtraTarget, extraOption, word } from '../text/extra.ts';
import type { Words } from '../text/words.ts';

const SECOND_US = 1_000_000;
const units: Record<string, number> = {
  s: SECOND_US,
  sec: SECOND_US,
  secs: SECOND_US,
  ms: 1000,
  msec: 1000,
  msecs: 1000,
  us: 1,
  usec: 1,
  usecs: 1,
};

/** Time in microseconds; a bare number is one of them. */
function readTime(text: string, words: Words): string {
  const m = /^\s*(\d+\.?\d*|\.\d+)([a-z]*)$/i.exec(text);
  const unit = m?.[2] === '' ? 1 : units[m?.[2]?.toLowerCase() ?? ''];
  return m && unit !== undefined ? String(Math.floor(Number(m[1]) * unit)) : words.bad('a time such as 250ms or 1s');
}

function printTime(us: number): string {
  if (us >= SECOND_US) return `${(us / SECOND_US).toFixed(1)}s`;
  return us >= 1000 ? `${(us / 1000).toFixed(1)}ms` : `${us}us`;
}

/** The kernel knows intervals of 1/4 s to 8 s and averages over powers of two of them: what was asked is rounded to these. */
function rounded(interval: number, average: number, words: Words): { interval: number; average: number } {
  let i = 0;
  while (i <= 5 && interval > 2 ** i * (SECOND_US / 4)) i++;
  if (i > 5) words.fail('RATEEST: the interval is longer than 8s');
  let log = 1;
  while (log < 32 && interval / -Math.log(1 - 2 ** -log) <= average) log++;
  log--;
  if (log === 0 || log >= 31) words.fail('RATEEST: --rateest-ewmalog does not fit the interval: expected a few times as much');
  const length = 2 ** i * (SECOND_US / 4);
  return { interval: length, average: length * 2 ** log };
}

export const rateest = defineExtraTarget('RATEEST', {
  options: {
    'rateest-name': { parse: word(15), required: true },
    'rateest-interval': { parse: readTime, required: true },
    'rateest-ewmalog': { parse: readTime, required: true },
  },
  list: o => ` name ${o.value('rateest-name')} interval ${o.value('rateest-interval')} ewmalog ${o.value('rateest-ewmalog')}`,
  read(given, words) {
    const r = rounded(Number(given['rateest-interval']!.value), Number(given['rateest-ewmalog']!.value), words);
    return [
      extraOption('rateest-name', given['rateest-name']!.value as string),
      extraOption('rateest-interval', printTime(r.interval)),
      extraOption('rateest-ewmalog', printTime(r.average)),
    ];
  },
});

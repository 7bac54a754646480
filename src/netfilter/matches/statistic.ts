/** Some of the packets: by chance, or every n-th (`xt_statistic`). */
import type { StatisticMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { MAX_U32, oneOf, u32, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Probability 1 as the kernel keeps it: 31 bits after the point. */
const ONE = 0x8000_0000;

const readMode = oneOf('random', 'nth');

function readProbability(word: string, words: Words): number {
  const p = /^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) ? Number(word) : Number.NaN;
  return p >= 0 && p <= 1 ? Math.round(p * ONE) : words.bad('a probability 0..1');
}

function text(m: StatisticMatch, p: string): string {
  const not = m.not ? ' !' : '';
  if (m.mode === 'random') return ` ${p}mode random${not} ${p}probability ${(m.threshold / ONE).toFixed(11)}`;
  return ` ${p}mode nth${not} ${p}every ${m.every}${m.packet !== 0 || p !== '' ? ` ${p}packet ${m.packet}` : ''}`;
}

export const statistic = defineMatch('statistic', {
  options: {
    mode: { parse: readMode, required: true },
    probability: { parse: readProbability, not: true, excludes: ['every', 'packet'] },
    every: { parse: unsigned(1, MAX_U32), not: true, needs: ['packet'] },
    packet: { parse: u32, needs: ['every'] },
  },
  read({ mode, probability, every, packet }, words): StatisticMatch {
    if (mode!.value === 'random') {
      if (!probability) return words.fail('statistic: --mode random wants --probability');
      return { kind: 'statistic', mode: 'random', threshold: probability.value, not: probability.not };
    }
    if (!every || !packet) return words.fail('statistic: --mode nth wants --every and --packet');
    if (packet.value >= every.value)
      return words.fail(`statistic: --packet ${packet.value}: expected a number below --every ${every.value}`);
    return { kind: 'statistic', mode: 'nth', every: every.value, packet: packet.value, not: every.not };
  },
  print: m => text(m, '--'),
  list: m => ` statistic${text(m, '')}`,
});

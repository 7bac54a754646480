/** `3/hour`: how rates are read and printed. A rate is kept as the time for one packet. */
import { leadingDecimal } from './numbers.ts';
import type { Words } from './words.ts';

const units = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
] as const;

/** Longest first. A period is printed in the last of them in which nothing, or less than the number itself, is lost. */
const printed = [
  ['day', 86_400],
  ['hour', 3600],
  ['min', 60],
  ['sec', 1],
] as const;

export interface Rate {
  /** Time for one packet in units of 1/scale s. */
  readonly average: number;
  /** Seconds of the unit that was named. */
  readonly unitS: number;
}

/** `5`, `5/s`, `5/sec`, `5/minute` ... */
export function readRate(word: string, scale: number, words: Words): Rate {
  const expected = 'a rate such as 5/second, 3/minute, 1/hour or 10/day';
  const slash = word.indexOf('/');
  const name = word.slice(slash + 1).toLowerCase();
  const unit = slash < 0 ? units[0] : units.find(([u]) => name !== '' && u.startsWith(name));
  const count = leadingDecimal(word);
  if (!unit || count <= 0) return words.bad(expected);
  const average = Math.floor((scale * unit[1]) / count);
  return average > 0 ? { average, unitS: unit[1] } : words.bad(`a rate of at most ${scale * unit[1]}/${unit[0]}`);
}

export function listRate(period: number, scale: number): { readonly text: string; readonly unitS: number } {
  let i = 1;
  for (; i < printed.length; i++) {
    const unit = printed[i]![1] * scale;
    if (period > unit || Math.floor(unit / period) < unit % period) break;
  }
  const [name, seconds] = printed[i - 1]!;
  return { text: `${Math.floor((seconds * scale) / period)}/${name}`, unitS: seconds };
}

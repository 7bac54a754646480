/** Ranges of security parameter indexes. */
import { MAX_U32, printRange, range } from './values.ts';
import type { Words } from './words.ts';

/** The whole range is not printed, inverted or not (iptables 1.8.9). */
export function spiRange(word: string, words: Words): string | undefined {
  const r = range(MAX_U32)(word, words);
  return r.low === 0 && r.high === MAX_U32 ? undefined : printRange(r);
}

/** Ranges of security parameter indexes. */
import type { ListedOptions } from './extra.ts';
import { MAX_U32, printRange, range } from './values.ts';
import type { Words } from './words.ts';

/** The whole range is not printed, inverted or not (iptables 1.8.9). */
export function spiRange(word: string, words: Words): string | undefined {
  const r = range(MAX_U32)(word, words);
  return r.low === 0 && r.high === MAX_U32 ? undefined : printRange(r);
}

/** `spi:5`, `spis:!1:2`. */
export function listSpi(option: string, options: ListedOptions): string {
  if (!options.has(option)) return '';
  const value = options.value(option);
  return ` spi${value.includes(':') ? 's' : ''}:${options.not(option) ? '!' : ''}${value}`;
}

/** `value/mask` where a value may have a name. */
import type { ExtraOption } from '../ruleset.ts';
import { hex } from './numbers.ts';
import { MAX_U32, markMask } from './values.ts';
import type { Words } from './words.ts';

/** The canonical text: a name when the mask is whole and there is one, else hexadecimal. */
export const valueMask =
  (number: (name: string) => number | undefined, name: (value: number) => string | undefined) =>
  (word: string, words: Words): string => {
    const named = /^\s*[+\d]/.test(word) ? undefined : number(word);
    const { value, mask } = named === undefined ? markMask(word, words) : { value: named, mask: MAX_U32 };
    return mask === MAX_U32 ? (name(value) ?? hex(value)) : `${hex(value)}/${hex(mask)}`;
  };

/** In a listing; a numeric one has no names. */
export function listValueMask(o: ExtraOption, numeric: boolean, number: (name: string) => number | undefined): string {
  const named = numeric && !o.value!.startsWith('0x') ? number(o.value!) : undefined;
  return `${o.not ? ' !' : ''} ${o.name} ${named === undefined ? o.value : hex(named)}`;
}

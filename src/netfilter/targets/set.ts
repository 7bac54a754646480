/** Adds to and deletes from named sets of addresses (`xt_set`, ipset(8)). */
import { readDimensions, setName } from '../matches/set.ts';
import { asText, defineExtraTarget, needsAny } from '../text/extra.ts';
import { MAX_U32, unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

const target = {
  parse: (word: string, words: Words) => `${setName(word, words)} ${readDimensions(words.second('a set and src or dst'), words).join(',')}`,
};

export const set = defineExtraTarget('SET', {
  options: {
    'add-set': target,
    exist: { needs: ['add-set'] },
    timeout: { parse: asText(unsigned(0, MAX_U32 - 1)), needs: ['add-set'] },
    'del-set': target,
    'map-set': target,
    'map-mark': { needs: ['map-set'] },
    'map-prio': { needs: ['map-set'] },
    'map-queue': { needs: ['map-set'] },
  },
  check(given, words) {
    needsAny(given, words, 'add-set', 'del-set', 'map-set');
    if (given['map-set']) needsAny(given, words, 'map-mark', 'map-prio', 'map-queue');
  },
});

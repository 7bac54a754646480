/** Copies security marks between packet and connection (`xt_CONNSECMARK`). */
import { defineExtraTarget, needsAny } from '../text/extra.ts';

export const connsecmark = defineExtraTarget('CONNSECMARK', {
  options: { save: { excludes: ['restore'] }, restore: {} },
  check: (given, words) => needsAny(given, words, 'save', 'restore'),
  places: { tables: ['mangle', 'security'] },
});

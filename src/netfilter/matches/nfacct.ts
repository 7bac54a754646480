/** Counts in a named accounting object; every packet matches (`xt_nfacct`, nfacct(8)). */
import { defineMatch } from '../text/extension.ts';
import { quote } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** NFACCT_NAME_MAX with its end mark. */
const MAX_NAME = 31;
const readName = (word: string, words: Words): string =>
  word === '' ? words.bad('the name of an accounting object') : words.checkObject('nfacct', word.slice(0, MAX_NAME));

export const nfacct = defineMatch('nfacct', {
  options: { 'nfacct-name': { parse: readName, required: true } },
  read: ({ 'nfacct-name': name }) => ({ kind: 'nfacct', name: name!.value }),
  print: m => ` --nfacct-name  ${quote(m.name)}`,
  list: m => ` nfacct-name  ${quote(m.name)}`,
});

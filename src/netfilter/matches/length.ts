/** Length of the IPv4 packet in bytes (`xt_length`). */
import { defineMatch } from '../text/extension.ts';
import { bang, MAX_U16, printRange, range } from '../text/values.ts';

export const length = defineMatch('length', {
  options: { length: { parse: range(MAX_U16), not: true, required: true } },
  read: ({ length }) => ({ kind: 'length', low: length!.value.low, high: length!.value.high, not: length!.not }),
  print: m => `${bang(m.not)} --length ${printRange(m)}`,
  list: m => ` length ${m.not ? '!' : ''}${printRange(m)}`,
});

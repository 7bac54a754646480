/** The TOS field of the IPv4 header (`xt_dscp`). */
import { defineMatch } from '../text/extension.ts';
import { hex2 } from '../text/numbers.ts';
import { tosMask, tosName } from '../text/tos.ts';
import { bang } from '../text/values.ts';

export const tos = defineMatch('tos', {
  options: { tos: { parse: tosMask, not: true, required: true } },
  read: ({ tos }) => ({ kind: 'tos', ...tos!.value, not: tos!.not }),
  print: m => `${bang(m.not)} --tos ${hex2(m.value)}/${hex2(m.mask)}`,
  list(m, { numeric }) {
    const name = numeric ? undefined : tosName(m);
    return ` tos match${m.not ? '!' : ''}${name === undefined ? `${hex2(m.value)}/${hex2(m.mask)}` : ` ${name}`}`;
  },
});

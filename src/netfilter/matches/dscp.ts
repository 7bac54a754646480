/** The upper six bits of the TOS field (`xt_dscp`). */
import { defineMatch } from '../text/extension.ts';
import { hex2 } from '../text/numbers.ts';
import { dscpClass } from '../text/tos.ts';
import { bang, unsigned } from '../text/values.ts';

export const dscp = defineMatch('dscp', {
  options: {
    dscp: { parse: unsigned(0, 63), not: true, excludes: ['dscp-class'] },
    'dscp-class': { parse: dscpClass, not: true },
  },
  read({ dscp, 'dscp-class': byClass }, words) {
    const given = dscp ?? byClass ?? words.fail('dscp wants --dscp or --dscp-class');
    return { kind: 'dscp', dscp: given.value, not: given.not };
  },
  print: m => `${bang(m.not)} --dscp ${hex2(m.dscp)}`,
  list: m => ` DSCP match ${m.not ? '!' : ''}${hex2(m.dscp)}`,
});

/** Sets the upper six bits of the TOS field (`xt_DSCP`). */
import { defineTarget } from '../text/extension.ts';
import { hex2 } from '../text/numbers.ts';
import { dscpClass } from '../text/tos.ts';
import { unsigned } from '../text/values.ts';

export const dscp = defineTarget('DSCP', {
  options: { 'set-dscp': { parse: unsigned(0, 63), excludes: ['set-dscp-class'] }, 'set-dscp-class': { parse: dscpClass } },
  read(given, words) {
    const { value } = given['set-dscp'] ?? given['set-dscp-class'] ?? words.fail('DSCP wants --set-dscp or --set-dscp-class');
    return { kind: 'DSCP', dscp: value };
  },
  print: t => ` --set-dscp ${hex2(t.dscp)}`,
  list: t => ` DSCP set ${hex2(t.dscp)}`,
  places: { tables: ['mangle'] },
});

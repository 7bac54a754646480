/** The MSS option of a SYN (`xt_tcpmss`). */
import { defineMatch } from '../text/extension.ts';
import { bang, MAX_U16, printRange, range } from '../text/values.ts';

export const tcpmss = defineMatch('tcpmss', {
  options: { mss: { parse: range(MAX_U16), not: true, required: true } },
  read({ mss }, words) {
    const { low, high } = mss!.value;
    if (low > high) words.fail('tcpmss: expected a range whose first value is not above its last');
    return { kind: 'tcpmss', low, high, not: mss!.not };
  },
  print: m => `${bang(m.not)} --mss ${printRange(m)}`,
  list: m => ` tcpmss match ${m.not ? '!' : ''}${printRange(m)}`,
  places: { protocols: [6] },
});

/** Control group of the socket (`xt_cgroup`). */
import { asText, defineExtraMatch, needsAny, sign } from '../text/extra.ts';
import { quote, text, u32 } from '../text/values.ts';

export const cgroup = defineExtraMatch('cgroup', {
  options: {
    path: { parse: asText(text(1, 511), quote), not: true, excludes: ['cgroup'] },
    cgroup: { parse: asText(u32), not: true },
  },
  list: o => ` cgroup ${o.all.map(c => `${sign(c.not)}${c.value}`).join('')}`,
  check: (given, words) => needsAny(given, words, 'path', 'cgroup'),
  places: { hooks: ['INPUT', 'OUTPUT', 'POSTROUTING'] },
});

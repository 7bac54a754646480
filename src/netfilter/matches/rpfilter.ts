/** Would a reply to the source leave through the interface of arrival (`xt_rpfilter`)? */
import type { RpfilterMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';

const text = (m: RpfilterMatch, p: string): string =>
  (m.loose ? ` ${p}loose` : '') +
  (m.validmark ? ` ${p}validmark` : '') +
  (m.acceptLocal ? ` ${p}accept-local` : '') +
  (m.invert ? ` ${p}invert` : '');

export const rpfilter = defineMatch('rpfilter', {
  options: { loose: {}, validmark: {}, 'accept-local': {}, invert: {} },
  read: given => ({
    kind: 'rpfilter',
    loose: given.loose !== undefined,
    validmark: given.validmark !== undefined,
    acceptLocal: given['accept-local'] !== undefined,
    invert: given.invert !== undefined,
  }),
  print: m => text(m, '--'),
  list: m => ` rpfilter${text(m, '')}`,
  places: { tables: ['raw', 'mangle'], hooks: ['PREROUTING'] },
});

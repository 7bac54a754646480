/** Follows the packet through every rule from here on (`xt_TRACE`). */
import { defineTarget } from '../text/extension.ts';

export const trace = defineTarget('TRACE', {
  options: {},
  read: () => ({ kind: 'TRACE' }),
  print: () => '',
  list: () => '',
  places: { tables: ['raw'] },
});

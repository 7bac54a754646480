/** Is there a socket for the packet (`xt_socket`)? */
import { defineExtraMatch } from '../text/extra.ts';

export const socket = defineExtraMatch('socket', {
  options: { transparent: {}, nowildcard: {}, 'restore-skmark': {} },
  list: o => ` socket${o.all.map(f => ` --${f.name}`).join('')}`,
  places: { hooks: ['PREROUTING', 'INPUT'] },
});

/** Rewrites the source to the address of the outgoing interface (`xt_MASQUERADE`). */
import type { MasqueradeTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { natFlags, printNatPorts, readNatPorts } from '../text/nat-range.ts';

export const masquerade = defineTarget('MASQUERADE', {
  options: { 'to-ports': { parse: (word, words) => readNatPorts(word, words, false).ports }, random: {}, 'random-fully': {} },
  read: (given): MasqueradeTarget => ({
    kind: 'MASQUERADE',
    ...(given['to-ports'] && { ports: given['to-ports'].value }),
    random: given.random !== undefined,
    randomFully: given['random-fully'] !== undefined,
  }),
  print: t => (t.ports ? ` --to-ports ${printNatPorts(t.ports)}` : '') + natFlags(t, '--'),
  list: t => (t.ports ? ` masq ports: ${printNatPorts(t.ports)}` : '') + natFlags(t, ''),
  places: { tables: ['nat'], hooks: ['POSTROUTING'] },
});

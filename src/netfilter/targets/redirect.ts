/** Rewrites the destination to the machine itself (`xt_REDIRECT`). */
import type { RedirectTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { natFlags, printNatPorts, readNatPorts } from '../text/nat-range.ts';

export const redirect = defineTarget('REDIRECT', {
  options: { 'to-ports': { parse: (word, words) => readNatPorts(word, words, false).ports }, random: {} },
  read: (given): RedirectTarget => ({
    kind: 'REDIRECT',
    ...(given['to-ports'] && { ports: given['to-ports'].value }),
    random: given.random !== undefined,
  }),
  print: t => (t.ports ? ` --to-ports ${printNatPorts(t.ports)}` : '') + natFlags(t, '--'),
  list: t => (t.ports ? ` redir ports ${printNatPorts(t.ports)}` : '') + natFlags(t, ''),
  places: { tables: ['nat'], hooks: ['PREROUTING', 'OUTPUT'] },
});

/** Rewrites the source of a connection (`xt_nat`). */
import type { SnatTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { natFlags, printNatTo, readNatTo } from '../text/nat-range.ts';

export const snat = defineTarget('SNAT', {
  options: {
    'to-source': { parse: (word, words) => readNatTo(word, words, false), required: true },
    random: {},
    'random-fully': {},
    persistent: {},
  },
  read(given): SnatTarget {
    const { addresses, ports } = given['to-source']!.value;
    return {
      kind: 'SNAT',
      ...(addresses && { addresses }),
      ...(ports && { ports }),
      random: given.random !== undefined,
      randomFully: given['random-fully'] !== undefined,
      persistent: given.persistent !== undefined,
    };
  },
  print: t => ` --to-source ${printNatTo(t)}${natFlags(t, '--')}`,
  list: t => ` to:${printNatTo(t)}${natFlags(t, '')}`,
  places: { tables: ['nat'], hooks: ['INPUT', 'POSTROUTING'] },
});

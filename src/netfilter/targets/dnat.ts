/** Rewrites the destination of a connection (`xt_nat`). */
import type { DnatTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { natFlags, printNatTo, readNatTo } from '../text/nat-range.ts';

export const dnat = defineTarget('DNAT', {
  options: {
    'to-destination': { parse: (word, words) => readNatTo(word, words, true), required: true },
    random: {},
    persistent: {},
  },
  read(given): DnatTarget {
    const { addresses, ports, basePort } = given['to-destination']!.value;
    return {
      kind: 'DNAT',
      ...(addresses && { addresses }),
      ...(ports && { ports }),
      basePort: basePort ?? 0,
      random: given.random !== undefined,
      persistent: given.persistent !== undefined,
    };
  },
  print: t => ` --to-destination ${printNatTo(t)}${natFlags(t, '--')}`,
  list: t => ` to:${printNatTo(t)}${natFlags(t, '')}`,
  places: { tables: ['nat'], hooks: ['PREROUTING', 'OUTPUT'] },
});

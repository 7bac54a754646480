/** Changes the time to live (`xt_HL`). */
import type { TtlTarget } from '../ruleset.ts';
import { defineTarget } from '../text/extension.ts';
import { MAX_U8, u8, unsigned } from '../text/values.ts';

const listed = { set: 'set to', inc: 'increment by', dec: 'decrement by' } as const;

export const ttl = defineTarget('TTL', {
  options: {
    'ttl-set': { parse: u8, excludes: ['ttl-inc', 'ttl-dec'] },
    'ttl-dec': { parse: unsigned(1, MAX_U8), excludes: ['ttl-inc'] },
    'ttl-inc': { parse: unsigned(1, MAX_U8) },
  },
  read(given, words): TtlTarget {
    for (const op of ['set', 'inc', 'dec'] as const) {
      const g = given[`ttl-${op}`];
      if (g) return { kind: 'TTL', op, value: g.value };
    }
    return words.fail('TTL wants --ttl-set, --ttl-dec or --ttl-inc');
  },
  print: t => ` --ttl-${t.op} ${t.value}`,
  list: t => ` TTL ${listed[t.op]} ${t.value}`,
  places: { tables: ['mangle'] },
});

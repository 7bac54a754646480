/** Time to live of the IPv4 header (`xt_hl`). */
import type { TtlMatch } from '../ruleset.ts';
import { defineMatch } from '../text/extension.ts';
import { u8 } from '../text/values.ts';

const signs = { eq: '==', lt: '<', gt: '>' } as const;

export const ttl = defineMatch('ttl', {
  options: {
    'ttl-eq': { parse: u8, not: true, aliases: ['ttl'], excludes: ['ttl-lt', 'ttl-gt'] },
    'ttl-lt': { parse: u8, excludes: ['ttl-eq', 'ttl-gt'] },
    'ttl-gt': { parse: u8, excludes: ['ttl-eq', 'ttl-lt'] },
  },
  read(given, words): TtlMatch {
    for (const op of ['eq', 'lt', 'gt'] as const) {
      const g = given[`ttl-${op}`];
      if (g) return { kind: 'ttl', op, not: g.not, ttl: g.value };
    }
    return words.fail('ttl wants --ttl-eq, --ttl-lt or --ttl-gt');
  },
  print: m => `${m.not ? ' !' : ''} --ttl-${m.op} ${m.ttl}`,
  list: m => ` TTL match TTL ${m.not ? '!=' : signs[m.op]} ${m.ttl}`,
});

/** Token bucket (`xt_limit`). */
import { defineMatch } from '../text/extension.ts';
import { listRate, readRate } from '../text/rate.ts';
import { unsigned } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Units of time per second (XT_LIMIT_SCALE). */
const SCALE = 10_000;
const DEFAULT_AVERAGE = (3600 * SCALE) / 3;
const DEFAULT_BURST = 5;

export const limit = defineMatch('limit', {
  options: {
    limit: { parse: (word: string, words: Words) => readRate(word, SCALE, words).average },
    'limit-burst': { parse: unsigned(1, 10_000) },
  },
  read: ({ limit, 'limit-burst': burst }) => ({
    kind: 'limit',
    average: limit?.value ?? DEFAULT_AVERAGE,
    burst: burst?.value ?? DEFAULT_BURST,
  }),
  print: m => ` --limit ${listRate(m.average, SCALE).text}${m.burst === DEFAULT_BURST ? '' : ` --limit-burst ${m.burst}`}`,
  list: m => ` limit: avg ${listRate(m.average, SCALE).text} burst ${m.burst}`,
});

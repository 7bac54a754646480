/** Lights an LED (`xt_LED`). */
import { asText, defineExtraTarget } from '../text/extra.ts';
import { text, u32 } from '../text/values.ts';
import type { Words } from '../text/words.ts';

/** Milliseconds; 0 is not printed. */
function readDelay(word: string, words: Words): string | undefined {
  if (word.toLowerCase().startsWith('inf')) return 'inf';
  const v = u32(word, words);
  return v === 0 ? undefined : String(v);
}

export const led = defineExtraTarget('LED', {
  options: {
    'led-trigger-id': { parse: asText(text(0, 16), v => `"${v.replace(/["\\]/g, '\\$&')}"`), required: true },
    'led-delay': { parse: readDelay },
    'led-always-blink': {},
  },
});

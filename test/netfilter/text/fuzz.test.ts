import { describe, expect, test } from 'vitest';
import { checkText, fuzzedText, randomFrom } from './rule-fuzz.ts';

describe('any text', () => {
  test('that is nearly a rule is taken and can be read back, or is refused with its place', () => {
    const random = randomFrom(20_261_120);
    let taken = 0;
    const count = 20_000;
    for (let i = 0; i < count; i++) if (checkText(fuzzedText(random))) taken++;
    // Both happen often, or the mixing would show nothing.
    expect(taken).toBeGreaterThan(count / 20);
    expect(taken).toBeLessThan(count);
  });
  test('of random bytes is refused with its place', () => {
    const random = randomFrom(7);
    for (let i = 0; i < 2000; i++) {
      const text = `*filter\n${Array.from({ length: random(60) }, () => String.fromCharCode(random(256))).join('')}\nCOMMIT\n`;
      checkText(text);
    }
    expect(random(2)).toBeLessThan(2);
  });
});

import { describe, expect, test } from 'vitest';
import { seconds } from '../../src/cli/commands/lab-advance.ts';

describe('a time on the command line', () => {
  test.each([
    ['90', 90],
    ['2.5s', 2.5],
    ['5m', 300],
    ['24h', 86_400],
    ['5d', 432_000],
  ])('%s is %f seconds', (text, expected) => {
    expect(seconds(text)).toBe(expected);
  });

  test.each(['', '-1', '1x', '1h30m', 'h'])('"%s" is none', text => {
    expect(() => seconds(text)).toThrow('a time, as in 90s, 5m, 24h or 5d');
  });
});

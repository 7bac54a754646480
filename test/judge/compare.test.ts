import { describe, expect, test } from 'vitest';
import { Renaming } from './compare.ts';

describe('ports that were drawn', () => {
  const renaming = (): Renaming => {
    const renamed = new Renaming();
    expect(renamed.agrees('port 35937', 'port 37218', 'a b')).toBe(true);
    return renamed;
  };

  test('are one to one, and of one class', () => {
    const renamed = renaming();
    expect(renamed.agrees('port 35937', 'port 37219', 'a b')).toBe(false);
    expect(renamed.agrees('port 35938', 'port 37218', 'a b')).toBe(false);
    expect(renamed.agrees('port 600', 'port 37220', 'a b')).toBe(false);
  });

  test('explain by how much more an unfinished sum is wrong, and nothing else', () => {
    const renamed = renaming();
    expect(renamed.explains('off by 45887', 'off by 44606')).toBe(true);
    expect(renamed.explains('off by 44606', 'off by 45887')).toBe(true);
    expect(renamed.explains('off by 500', `off by ${500 - 1281 + 65_535}`)).toBe(true);
    expect(renamed.explains('off by 45887', 'off by 44607')).toBe(false);
    expect(renamed.explains('none', 'off by 1281')).toBe(false);
    expect(renamed.explains('off by 0', 'off by 1281')).toBe(false);
    expect(renamed.explains('off by 1281', 'off by 0')).toBe(false);
    expect(new Renaming().explains('off by 45887', 'off by 44606')).toBe(false);
  });
});

import { describe, expect, test } from 'vitest';
import { catalog, findLab, loadLab } from '../../src/lab/catalog.ts';

describe('the catalog', () => {
  test('lists exercises by number', () => {
    const numbers = catalog().map(entry => entry.number);
    expect(numbers).toEqual([...numbers].sort());
    expect(numbers).toEqual(expect.arrayContaining(['01', '02', '07']));
  });
  test('finds by number, short number and name', () => {
    for (const word of ['07', '7', 'nodeport', '07-nodeport']) expect(findLab(word).number).toBe('07');
  });
  test.each(['99', '', '../07', '007', 'x'])('does not know "%s", and says what there is', word => {
    expect(() => findLab(word)).toThrow(/there is no exercise ".*": there are .*07 nodeport/);
  });
  test.each(catalog().map(entry => [entry.number]))('exercise %s has a title and steps', async number => {
    const { title, steps } = await loadLab(number);
    expect(title).not.toBe('');
    expect(steps.length).toBeGreaterThan(0);
  });
});

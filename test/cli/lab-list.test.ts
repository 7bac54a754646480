import { describe, expect, test } from 'vitest';
import { type ListedLab, lacking, tableOf } from '../../src/cli/commands/lab-list.ts';
import { Io } from '../../src/cli/io.ts';

const io = (colour: boolean): Io => new Io({ out: () => {}, err: () => {}, outColour: colour, errColour: colour });
const of = (number: string, more: Partial<ListedLab>): ListedLab => ({
  number,
  name: `name-${number}`,
  title: `Title of ${number}`,
  passed: false,
  up: false,
  minutes: 10,
  api: false,
  needs: [],
  ...more,
});
const labs = [
  of('01', { passed: true }),
  of('07', { up: true, minutes: 20, needs: [{ name: 'vxlan', state: 'ok' }] }),
  of('11', {
    api: true,
    minutes: null,
    needs: [
      { name: 'vxlan', state: 'ok' },
      { name: 'dig', state: 'missing', mend: 'sudo apt-get install bind9-dnsutils' },
    ],
  }),
  of('12', { needs: [{ name: 'dig', state: 'missing', mend: 'sudo apt-get install bind9-dnsutils' }] }),
];

describe('the list of exercises', () => {
  test('stands in columns', () => {
    expect(tableOf(labs, io(false))).toEqual([
      'NN  state   min  needs                      title',
      '01  passed   10                             Title of 01',
      '07  up       20  vxlan                      Title of 07',
      '11               API, vxlan, dig (missing)  Title of 11',
      '12           10  dig (missing)              Title of 12',
    ]);
  });

  test('has the same columns in colour', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of colours
    const plain = tableOf(labs, io(true)).map(line => line.replace(/\u001b\[\d+m/g, ''));
    expect(plain).toEqual(tableOf(labs, io(false)));
    expect(tableOf(labs, io(true))[3]).toContain('\u001b[31mdig (missing)\u001b[0m');
  });

  test('says once of each thing that is missing who needs it and how to get it', () => {
    expect(lacking(labs)).toEqual(['missing: dig, for 11, 12. Mend: sudo apt-get install bind9-dnsutils']);
  });
});

import { expect, test } from 'vitest';
import { eventName } from '../../../src/cluster/controllers/event-name.ts';
import { dns1123Subdomain } from '../../../src/cluster/objects/names.ts';

test('an Event about an object of the longest name has a valid one', () => {
  expect(eventName('web', '18e9c54df3e6dbcb')).toBe('web.18e9c54df3e6dbcb');
  for (const object of [
    `${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(61),
    `${'a'.repeat(235)}-.${'b'.repeat(10)}`,
    `${'a'.repeat(236)}${'-'.repeat(10)}b`,
  ])
    expect(dns1123Subdomain(eventName(object, '18e9c54df3e6dbcb'))).toEqual([]);
});

import { describe, expect, test } from 'vitest';
import { AddressRange } from '../../../src/lab/pod/address-range.ts';

describe('the addresses of pods', () => {
  test('are given one after another, and one that came back rests until the range has gone round', () => {
    const range = new AddressRange('10.244.1.0/29', ['10.244.1.3']);
    expect([range.gateway, range.prefix]).toEqual(['10.244.1.1', 29]);
    expect([range.take(), range.take()]).toEqual(['10.244.1.2', '10.244.1.4']);
    range.give('10.244.1.2');
    expect([range.take(), range.take(), range.take()]).toEqual(['10.244.1.5', '10.244.1.6', '10.244.1.2']);
    expect(() => range.take()).toThrow('no IP addresses available in range set: 10.244.1.0/29');
    range.give('10.244.1.5');
    expect(range.take()).toBe('10.244.1.5');
  });

  test('may be 253 of a node', () => {
    const range = new AddressRange('10.244.2.0/24');
    const all = new Set(Array.from({ length: 253 }, () => range.take()));
    expect([all.size, all.has('10.244.2.254'), all.has('10.244.2.255')]).toEqual([253, true, false]);
    expect(() => range.take()).toThrow('253 pods are on this node');
  });
});

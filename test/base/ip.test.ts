import { describe, expect, test } from 'vitest';
import { inNetwork, isCanonicalFamily, joinHostPort, parseIp, parseNetwork } from '../../src/base/ip.ts';

describe('addresses', () => {
  test.each([
    ['10.0.0.1', 'IPv4', '10.0.0.1'],
    ['192.168.099.022', 'IPv4', '192.168.99.22'],
    ['::ffff:1.2.3.4', 'IPv4', '1.2.3.4'],
    ['::', 'IPv6', '::'],
    ['::1', 'IPv6', '::1'],
    ['2001:DB8:0:0:1:0:0:1', 'IPv6', '2001:db8::1:0:0:1'],
    ['fd00:0:0:1::', 'IPv6', 'fd00:0:0:1::'],
    ['1:0:2:3:4:5:6:7', 'IPv6', '1:0:2:3:4:5:6:7'],
    ['64:ff9b::192.0.2.1', 'IPv6', '64:ff9b::c000:201'],
  ])('%s is read as %s %s', (text, family, canonical) => {
    expect(parseIp(text)).toMatchObject({ family, text: canonical });
  });

  test.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.1.',
    'a.b.c.d',
    '1::2::3',
    ':1',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'g::1',
    '12345::',
    '1.2.3.4::',
  ])('"%s" is no address', text => expect(parseIp(text)).toBeUndefined());

  test('the API takes only the canonical forms of IPv4', () => {
    expect(isCanonicalFamily('10.0.0.1', 'IPv4')).toBe(true);
    expect(isCanonicalFamily('010.0.0.1', 'IPv4')).toBe(false);
    expect(isCanonicalFamily('::ffff:10.0.0.1', 'IPv6')).toBe(false);
  });

  test('an IPv6 address stands in brackets before its port', () => {
    expect(joinHostPort('fd00::1', 80)).toBe('[fd00::1]:80');
    expect(joinHostPort('10.0.0.1', 80)).toBe('10.0.0.1:80');
  });
});

describe('networks', () => {
  test.each([
    ['203.0.113.9/25', '203.0.113.0/25'],
    ['0203.0.113.000/025', '203.0.113.0/25'],
    ['fd00:10::5/64', 'fd00:10::/64'],
    ['::ffff:1.2.3.4/120', '1.2.3.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
  ])('%s is %s', (text, canonical) => expect(parseNetwork(text)?.text).toBe(canonical));

  test.each(['10.0.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/-1'])('"%s" is no network', text =>
    expect(parseNetwork(text)).toBeUndefined(),
  );

  test('an address lies in a network of its own family', () => {
    const range = parseNetwork('203.0.113.128/25')!;
    expect(inNetwork(parseIp('203.0.113.200')!, range)).toBe(true);
    expect(inNetwork(parseIp('203.0.113.100')!, range)).toBe(false);
    expect(inNetwork(parseIp('::1')!, parseNetwork('0.0.0.0/0')!)).toBe(false);
  });
});

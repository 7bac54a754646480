import { describe, expect, test } from 'vitest';
import { parseIpv4 } from '../../../src/base/address.ts';
import { readIpSets } from '../../../src/netfilter/ipset/read.ts';
import { encodeIpSet, Found, lookupIpSet } from '../../../src/netfilter/ipset/table.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { matcher, type PacketFields, packet } from '../execute/support.ts';

// As `ipset save` of version 7.17 writes it.
const SAVED = `create addrs hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x1f3a2c41
add addrs 203.0.113.9
add addrs 203.0.113.200
create nets hash:net family inet hashsize 1024 maxelem 65536 timeout 0 counters comment bucketsize 12 initval 0x6e2f7a0c
add nets 203.0.113.0/24 timeout 0 packets 0 bytes 0
add nets 203.0.113.128/25 nomatch timeout 0 packets 0 bytes 0 comment "not"
add nets 10.0.0.0/8 timeout 0 packets 0 bytes 0
create services hash:ip,port family inet hashsize 1024 maxelem 65536
add services 192.168.56.11,tcp:80
add services 192.168.56.11,udp:53
add services 192.168.56.11,icmp:echo-request
create ports bitmap:port range 0-65535
add ports 22
add ports 8000-8010
create block hash:ip family inet netmask 24
add block 203.0.113.0
`;
const sets = readIpSets(SAVED);
const hits = (args: string, fields: PacketFields = {}): boolean =>
  matcher(`-m set ${args}`, Hook.Input, 'filter', { sets }).hits(packet(fields));

describe('ipset', () => {
  test('hash:ip', () => {
    expect([hits('--match-set addrs src'), hits('--match-set addrs dst'), hits('! --match-set addrs dst')]).toEqual([true, false, true]);
    expect([hits('--match-set block src', { src: '203.0.113.77' }), hits('--match-set block src', { src: '203.0.114.77' })]).toEqual([
      true,
      false,
    ]);
  });
  test('hash:net takes the longest network; nomatch is an exception from it', () => {
    expect(hits('--match-set nets src', { src: '203.0.113.9' })).toBe(true);
    expect(hits('--match-set nets src', { src: '203.0.113.129' })).toBe(false);
    expect(hits('--match-set nets src --return-nomatch', { src: '203.0.113.129' })).toBe(true);
    expect(hits('--match-set nets src --return-nomatch', { src: '203.0.113.9' })).toBe(false);
    expect(hits('--match-set nets src', { src: '11.0.0.1' })).toBe(false);
  });
  test('hash:ip,port', () => {
    expect(hits('--match-set services dst,dst')).toBe(true);
    expect(hits('--match-set services dst,dst', { dstPort: 81 })).toBe(false);
    expect(hits('--match-set services dst,src', { srcPort: 80 })).toBe(true);
    expect(hits('--match-set services dst,dst', { protocol: 17 })).toBe(true);
    expect(hits('--match-set services dst,dst', { protocol: 1 })).toBe(true);
    expect(hits('--match-set services dst,dst', { protocol: 1, type: 0 })).toBe(false);
    expect(hits('--match-set services dst,dst', { protocol: 47 })).toBe(false);
  });
  test('bitmap:port', () => {
    expect(hits('--match-set ports dst', { dstPort: 8010 })).toBe(true);
    expect(hits('--match-set ports src', { srcPort: 22 })).toBe(true);
    expect(hits('--match-set ports dst', { dstPort: 8011 })).toBe(false);
    expect(hits('--match-set ports dst', { protocol: 132, dstPort: 22 })).toBe(false);
  });
  test('finds every member of a large set and nothing else', () => {
    const members = Array.from({ length: 5000 }, (_, i) => parseIpv4('10.0.0.0') + i * 3);
    const words = encodeIpSet({ name: 'big', type: 'hash:ip', mask: -1, members });
    expect(members.every(m => lookupIpSet(words, 0, m, 6, 1) === Found.Member)).toBe(true);
    expect(members.some(m => lookupIpSet(words, 0, m + 1, 6, 1) !== Found.No)).toBe(false);
  });
  test.each([
    ['create x hash:mac', /x:1:1: set x: type hash:mac cannot be executed/],
    ['create x hash:ip family inet6', /only inet/],
    ['add gone 1.2.3.4', /set gone does not exist/],
    ['create x hash:net\nadd x 0.0.0.0/0', /whole address space/],
    ['create x bitmap:port range 0-9\nadd x 70000', /x:2:1: "70000": not a range of ports/],
    ['create x hash:ip,port\nadd x 1.2.3.4,foo:1', /unknown protocol/],
    ['swap a b', /"swap": not a line/],
  ])('complains about %j', (text, message) => {
    expect(() => readIpSets(text, 'x')).toThrow(message);
  });
  test('a set with too few of src and dst is refused', () => {
    expect(() => hits('--match-set services dst')).toThrow(/needs 2 of src and dst/);
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIpv4 } from '../../src/base/address.ts';
import { LabError } from '../../src/base/errors.ts';
import { packetBytes } from '../../src/walk/packet-bytes.ts';
import { parsePacket } from '../../src/walk/packet-words.ts';
import { tellIp } from '../router/frames.ts';

describe('a packet in words', () => {
  test.each([
    ['tcp 203.0.113.9:40000 > 192.168.56.11:30080', 'tcp 203.0.113.9:40000>192.168.56.11:30080 S ttl 64'],
    ['tcp 203.0.113.9>192.168.56.11:30080 syn ack ttl 3', 'tcp 203.0.113.9:40000>192.168.56.11:30080 SA ttl 3'],
    ['tcp 203.0.113.9:1 -> 192.168.56.11:2 rst mark 0x4000', 'tcp 203.0.113.9:1>192.168.56.11:2 R ttl 64'],
    ['tcp 203.0.113.9:1 → 192.168.56.11:2 state established', 'tcp 203.0.113.9:1>192.168.56.11:2 A ttl 64'],
    ['udp 10.244.1.2:5353 > 10.96.0.10:53 len 100 tos 0x10', 'udp 10.244.1.2:5353>10.96.0.10:53 ttl 64 tos 0x10'],
    ['icmp 10.244.1.2 > 10.96.0.10', 'icmp 10.244.1.2>10.96.0.10 type 8 code 0 id 1 ttl 64'],
    ['sctp 10.244.1.2 > 10.96.0.10:36412', 'ip 10.244.1.2>10.96.0.10 proto 132 ttl 64'],
    [
      'icmp 192.168.56.1 > 10.244.1.2 type 3 code 4',
      'icmp 192.168.56.1>10.244.1.2 type 3 code 4 ttl 64 [udp 10.244.1.2:40000>192.168.56.1:33434 ttl 64]',
    ],
  ])('%s', (words, told) => {
    const bytes = packetBytes(parsePacket(words));
    // Checksums that do not hold would be told.
    expect(tellIp(bytes, 0, bytes.length)).toBe(told);
  });

  test('has the length that is asked for', () => {
    expect(packetBytes(parsePacket('udp 10.244.1.2 > 10.96.0.10:53 len 1000')).length).toBe(1000);
  });

  test.each([
    ['', 1, 'expected tcp|udp|sctp'],
    ['gre 1.1.1.1 > 2.2.2.2', 1, 'unknown protocol "gre"'],
    ['tcp 1.1.1.300:1 > 2.2.2.2:2', 5, 'expected the source'],
    ['tcp 1.1.1.1:70000 > 2.2.2.2:2', 13, 'expected a port, 0 to 65535, found "70000"'],
    ['tcp 1.1.1.1:1 2.2.2.2:2', 15, 'expected ">"'],
    ['tcp 1.1.1.1:1 > 2.2.2.2', 17, 'expected a port behind the destination'],
    ['tcp 1.1.1.1:1 >', 16, 'expected the destination, and the description ends here'],
    ['icmp 1.1.1.1:1 > 2.2.2.2', 6, 'icmp has no ports'],
    ['udp 1.1.1.1 > 2.2.2.2:53 syn', 26, 'unknown word "syn"'],
    ['tcp 1.1.1.1 > 2.2.2.2:53 ttl', 29, 'expected a TTL, and the description ends here'],
    ['tcp 1.1.1.1 > 2.2.2.2:53 ttl 256', 30, 'expected a TTL, 0 to 255'],
    ['tcp 1.1.1.1 > 2.2.2.2:53 state old', 32, 'unknown state "old"'],
  ])('%j is refused at column %i', (words, column, message) => {
    expect(() => parsePacket(words)).toThrow(expect.objectContaining({ column, message: expect.stringContaining(message) }));
  });

  test('comes back from its own text, whatever the addresses', () => {
    const address = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
    const port = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(address, port, address, port, (src, srcPort, dst, dstPort) => {
        expect(parsePacket(`udp ${formatIpv4(src)}:${srcPort} > ${formatIpv4(dst)}:${dstPort}`)).toMatchObject({
          src,
          srcPort,
          dst,
          dstPort,
        });
      }),
    );
  });

  test('never ends otherwise than by a packet or a complaint', () => {
    const words = fc.array(fc.constantFrom('tcp', 'icmp', '1.1.1.1:1', '2.2.2.2', '>', 'syn', 'ttl', 'state', 'new', '7', ':', '->'), {
      maxLength: 9,
    });
    fc.assert(
      fc.property(words, list => {
        try {
          expect(packetBytes(parsePacket(list.join(' '))).length).toBeGreaterThanOrEqual(28);
        } catch (error) {
          expect(error).toBeInstanceOf(LabError);
        }
      }),
    );
  });
});

import { describe, expect, test } from 'vitest';
import { Packet } from '../../src/packet/packet.ts';
import { finishChecksum } from '../../src/packet/partial-checksum.ts';

function packet(bytes: Uint8Array): Packet {
  const p = new Packet();
  p.borrow({ bytes, base: 0 }, 0, 0, bytes.length, bytes.length);
  return p;
}

// An IPv4 packet with a UDP datagram, 10.96.0.10:53 > 10.244.1.5:40000, 5 bytes, its checksum not filled in.
const UDP = [0x45, 0, 0, 33, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 96, 0, 10, 10, 244, 1, 5, 0, 53, 0x9c, 0x40, 0, 13, 0, 0, 1, 2, 3, 4, 5];

describe('partial checksum', () => {
  test('finishes from the pseudo-header sum, with an odd number of bytes', () => {
    const b = Uint8Array.from(UDP);
    // Pseudo-header: 0a60 + 000a + 0af4 + 0105 + 0011 (UDP) + 000d (length 13) = 1681. In the field, not complemented.
    b.set([0x16, 0x81], 26);
    const p = packet(b);
    p.csumStart = 20;
    p.csumOffset = 6;
    finishChecksum(p);
    // 1681 + 0035 + 9c40 + 000d + 0102 + 0304 + 0500 = bc09, complement 43f6.
    expect([b[26], b[27], p.csumStart]).toEqual([0x43, 0xf6, 0]);
  });

  test('writes 0xffff where the sum is zero: 0 would say that there is none', () => {
    const b = Uint8Array.of(0xa5, 0xa5, 0xff, 0xf0, 0, 0x0f, 0, 0);
    const p = packet(b);
    p.csumStart = 2;
    p.csumOffset = 4;
    finishChecksum(p);
    expect([b[6], b[7]]).toEqual([0xff, 0xff]);
  });

  test('leaves a finished packet alone', () => {
    const b = Uint8Array.from(UDP);
    finishChecksum(packet(b));
    expect([...b]).toEqual(UDP);
  });
});

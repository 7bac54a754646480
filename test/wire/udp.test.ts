import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DropReason } from '../../src/base/drop-reason.ts';
import * as udp from '../../src/wire/udp.ts';
import { expectEncoded, expectRandomBytesBorne, expectTruncationsRefused } from './support/codec.ts';
import { L4, udpDatagram } from './support/real-frames.ts';

const datagram = udpDatagram.subarray(L4);

describe('the UDP header', () => {
  test('is read from a real datagram', () => {
    expect(udp.decode(datagram)).toEqual({ srcPort: 48418, dstPort: 9999, length: 15, checksum: 0x83eb });
  });

  test('is written back as it was', () => {
    expectEncoded((b, at) => udp.encode(udp.decode(datagram), b, at), datagram.subarray(0, udp.HEADER_LEN));
  });

  test('comes back from a round trip', () => {
    const port = fc.nat(65535);
    fc.assert(
      fc.property(fc.record({ srcPort: port, dstPort: port, length: port, checksum: port }), h => {
        const b = new Uint8Array(10).fill(0xa5);
        expect(udp.encode(h, b, 1)).toBe(9);
        expect(udp.decode(b, 1)).toEqual(h);
        expect([b[0], b[9]]).toEqual([0xa5, 0xa5]);
      }),
    );
  });

  test('is refused when the datagram is cut', () => expectTruncationsRefused(udp.check, datagram));

  test('is refused when its length is shorter than itself or longer than the packet', () => {
    const b = Uint8Array.from(datagram);
    udp.setLength(b, 0, 7);
    expect(udp.check(b, 0, b.length)).toBe(DropReason.UdpLength);
    udp.setLength(b, 0, b.length + 1);
    expect(udp.check(b, 0, b.length)).toBe(DropReason.UdpLength);
    udp.setLength(b, 0, 8);
    expect(udp.check(b, 0, b.length)).toBe(DropReason.None);
  });

  test('bears random bytes', () => {
    const read = (b: Uint8Array, at: number, end: number): void => {
      expect(at + udp.length(b, at)).toBeLessThanOrEqual(end);
      udp.decode(b, at);
    };
    expectRandomBytesBorne(udp.check, read, [datagram]);
  });
});

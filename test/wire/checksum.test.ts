import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { u16, u32 } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import { bytes, L3, L4, tcpData, tcpSyn, udpDatagram, vxlanUdp } from './support/real-frames.ts';

const word = fc.nat(0xffff);
const address = fc.integer();
/** The definition, word by word with carries folded at once: slow and plain. */
const reference = (b: Uint8Array): number => {
  let sum = 0;
  for (let i = 0; i < b.length; i += 2) {
    sum += (b[i]! << 8) | (b[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return ~sum & 0xffff;
};
const ipv4HeaderOf = (frame: Uint8Array) => frame.subarray(L3, L4);
const pseudoHeaderOf = (frame: Uint8Array) =>
  checksum.pseudoHeader(u32(frame, L3 + 12) | 0, u32(frame, L3 + 16) | 0, frame[L3 + 9]!, u16(frame, L3 + 2) - 20);

describe('the Internet checksum (RFC 1071)', () => {
  test('gives the sum of the example in section 3', () => {
    const example = bytes('0001f203f4f5f6f7');
    expect(checksum.fold(checksum.add(0, example, 0, 8))).toBe(0xddf2);
    expect(checksum.of(example, 0, 8)).toBe(0x220d);
  });

  test('holds in headers and segments of a real capture', () => {
    for (const frame of [tcpSyn, tcpData, udpDatagram, vxlanUdp]) {
      expect(checksum.holds(0, ipv4HeaderOf(frame), 0, 20)).toBe(true);
      expect(checksum.holds(pseudoHeaderOf(frame), frame, L4, frame.length)).toBe(true);
    }
  });

  test('does not hold when a bit is wrong', () => {
    for (let bit = 0; bit < (tcpSyn.length - L4) * 8; bit++) {
      const b = Uint8Array.from(tcpSyn);
      b[L4 + (bit >> 3)]! ^= 1 << (bit & 7);
      expect(checksum.holds(pseudoHeaderOf(tcpSyn), b, L4, b.length)).toBe(false);
    }
  });

  test('agrees with the definition wherever the bytes stand in memory', () => {
    const all = Uint8Array.from({ length: 70_000 }, (_, i) => (i * 167 + (i >> 8)) & 0xff);
    for (const offset of [0, 1, 2, 3, 4, 5, 6, 7])
      for (const length of [127, 128, 129, 130, 131, 132, 1398, 65_535 - 8]) {
        const view = all.subarray(offset, 66_000);
        for (const at of [0, 1, 2, 3])
          expect(checksum.of(view, at, at + length)).toBe(reference(all.subarray(offset + at, offset + at + length)));
      }
    const ones = new Uint8Array(65_535).fill(0xff);
    expect(checksum.fold(checksum.add(0, ones, 0, 65_534))).toBe(0xffff);
  });

  test('agrees with the definition for any bytes, odd lengths included', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(3), (b, at) => {
        const shifted = new Uint8Array(at + b.length);
        shifted.set(b, at);
        expect(checksum.of(shifted, at, shifted.length)).toBe(reference(b));
      }),
    );
  });

  test('is the same when it is added up in parts that end at even distances', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(100), (b, half) => {
        const cut = Math.min(half * 2, b.length & ~1);
        expect(checksum.finish(checksum.add(checksum.add(0, b, 0, cut), b, cut, b.length))).toBe(checksum.of(b, 0, b.length));
      }),
    );
  });

  test('does not overflow over 64 KiB of ones', () => {
    const b = new Uint8Array(0xffff).fill(0xff);
    expect(checksum.of(b, 0, b.length)).toBe(reference(b));
  });

  test('takes addresses of either sign into the pseudo-header', () => {
    fc.assert(
      fc.property(address, address, fc.nat(255), word, (src, dst, protocol, length) => {
        const b = new Uint8Array(12);
        const view = new DataView(b.buffer);
        view.setInt32(0, src);
        view.setInt32(4, dst);
        view.setUint16(8, protocol);
        view.setUint16(10, length);
        expect(checksum.fold(checksum.pseudoHeader(src, dst, protocol, length))).toBe(checksum.fold(checksum.add(0, b, 0, 12)));
      }),
    );
  });
});

describe('the incremental checksum (RFC 1624)', () => {
  test('gives the example of section 4, where the older formula gives 0xffff', () => {
    expect(checksum.update16(0xdd2f, 0x5555, 0x3285)).toBe(0);
  });

  /** A header with its checksum in the first word. Not all zero: that is the one content for which 0 and 0xffff are both right. */
  const header = fc.uint8Array({ minLength: 20, maxLength: 60 }).filter(b => b.length % 4 === 0 && b.some((v, i) => i > 9 && v !== 0));
  const sealed = (b: Uint8Array): number => {
    b[0] = 0;
    b[1] = 0;
    return checksum.of(b, 0, b.length);
  };

  test('equals a full computation after any change of one word', () => {
    fc.assert(
      fc.property(header, word, (b, to) => {
        const before = sealed(b);
        const from = u16(b, 4);
        b[4] = to >> 8;
        b[5] = to;
        expect(checksum.update16(before, from, to)).toBe(sealed(b));
      }),
    );
  });

  test('equals a full computation after any change of an address', () => {
    fc.assert(
      fc.property(header, address, (b, to) => {
        const before = sealed(b);
        const from = u32(b, 4) | 0;
        new DataView(b.buffer, b.byteOffset).setInt32(4, to);
        expect(checksum.update32(before, from, to)).toBe(sealed(b));
      }),
    );
  });

  test('comes back when a change is taken back', () => {
    fc.assert(
      fc.property(word, address, address, (sum, from, to) => {
        const there = checksum.update32(sum, from, to);
        const back = checksum.update32(there, to, from);
        // 0 and 0xffff are the same number in one's complement.
        expect(back % 0xffff).toBe(sum % 0xffff);
      }),
    );
  });
});

describe('a partial checksum (virtio-net header)', () => {
  test('stays the sum of the pseudo-header when an address is rewritten', () => {
    fc.assert(
      fc.property(address, address, address, fc.nat(0xffff), (src, dst, to, length) => {
        const partial = checksum.fold(checksum.pseudoHeader(src, dst, 6, length));
        const rewritten = checksum.updatePartial32(partial, src, to);
        expect(rewritten % 0xffff).toBe(checksum.fold(checksum.pseudoHeader(to, dst, 6, length)) % 0xffff);
      }),
    );
  });

  test('is finished by the device into the checksum of the rewritten segment', () => {
    const frame = Uint8Array.from(tcpData);
    const src = u32(frame, L3 + 12) | 0;
    const to = 0x0af40100;
    const partial = checksum.updatePartial32(checksum.fold(pseudoHeaderOf(frame)), src, to);
    frame[L4 + 16] = partial >> 8;
    frame[L4 + 17] = partial;
    const finished = checksum.of(frame, L4, frame.length); // what the device does: the field holds the rest of the sum
    frame[L4 + 16] = finished >> 8;
    frame[L4 + 17] = finished;
    const sum = checksum.pseudoHeader(to, u32(frame, L3 + 16) | 0, 6, frame.length - L4);
    expect(checksum.holds(sum, frame, L4, frame.length)).toBe(true);
  });
});

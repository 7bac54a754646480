import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { copy, i32, same, setU8, setU16, setU32, u8, u16, u32 } from '../../src/wire/bytes.ts';

describe('fields in place', () => {
  const b = Uint8Array.of(0x01, 0xc0, 0xa8, 0x38, 0x0b, 0xff);

  test('are read in network byte order', () => {
    expect([u8(b, 1), u16(b, 1), u32(b, 1), i32(b, 1)]).toEqual([0xc0, 0xc0a8, 0xc0a8380b, 0xc0a8380b | 0]);
  });

  test('come back as they were written, and touch nothing beside them', () => {
    fc.assert(
      fc.property(fc.nat(255), fc.nat(0xffff), fc.nat(0xffff_ffff), (v8, v16, v32) => {
        const to = new Uint8Array(11).fill(0xa5);
        setU8(to, 1, v8);
        setU16(to, 3, v16);
        setU32(to, 6, v32);
        expect([u8(to, 1), u16(to, 3), u32(to, 6), i32(to, 6)]).toEqual([v8, v16, v32, v32 | 0]);
        expect([to[0], to[2], to[5], to[10]]).toEqual([0xa5, 0xa5, 0xa5, 0xa5]);
      }),
    );
  });

  test('take addresses as int32', () => {
    const to = new Uint8Array(4);
    setU32(to, 0, 0xc0a8380b | 0);
    expect([...to]).toEqual([192, 168, 56, 11]);
  });

  test('are copied and compared byte by byte', () => {
    const to = new Uint8Array(8).fill(0xa5);
    copy(b, 1, to, 2, 3);
    expect([...to]).toEqual([0xa5, 0xa5, 0xc0, 0xa8, 0x38, 0xa5, 0xa5, 0xa5]);
    expect(same(b, 1, to, 2, 3)).toBe(true);
    expect(same(b, 1, to, 2, 4)).toBe(false);
  });
});

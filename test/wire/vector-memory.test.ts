import { afterAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { copyLong } from '../../src/wire/bytes.ts';
import * as checksum from '../../src/wire/checksum.ts';
import { useVectors, vectorMemory } from '../../src/wire/vector-memory.ts';

const memory = vectorMemory(1 << 17)!;
const random = new SeededRandom(5);
for (let i = 0; i < memory.bytes.length; i++) memory.bytes[i] = random.below(256);
/** The same bytes in memory of another kind. */
const plain = Uint8Array.from(memory.bytes);

describe('a sum by vectors', () => {
  useVectors(memory);
  afterAll(() => useVectors(null));

  test('is the sum of words, wherever it starts and ends', () => {
    for (let n = 0; n < 3000; n++) {
      const at = random.below(60_000);
      const end = at + random.below(65_536);
      expect(checksum.of(memory.bytes, at, end), `${at} to ${end}`).toBe(checksum.of(plain, at, end));
    }
  });
  test('goes on from a sum that there is', () => {
    expect(checksum.finish(checksum.add(0x1_2345, memory.bytes, 7, 1405))).toBe(checksum.finish(checksum.add(0x1_2345, plain, 7, 1405)));
  });
  test('is taken of bytes on their way to another place, and every byte arrives', () => {
    for (let n = 0; n < 300; n++) {
      const at = random.below(10_000);
      const length = random.below(random.below(2) === 0 ? 70 : 1500);
      const to = 20_000 + random.below(100);
      memory.bytes.fill(0xa5, 19_000, 23_000);
      expect(checksum.foldWord(checksum.addCopied(77, memory.bytes, at, memory.bytes, to, length))).toBe(
        checksum.fold(checksum.add(77, plain, at, at + length)),
      );
      expect(memory.bytes.subarray(to, to + length)).toEqual(plain.subarray(at, at + length));
      expect(new Set([...memory.bytes.subarray(19_000, to), ...memory.bytes.subarray(to + length, 23_000)])).toEqual(new Set([0xa5]));
      const elsewhere = new Uint8Array(2000);
      const same = checksum.addCopied(77, memory.bytes, at, elsewhere, 3, length);
      expect(checksum.fold(same)).toBe(checksum.fold(checksum.add(77, plain, at, at + length)));
      expect(elsewhere.subarray(3, 3 + length)).toEqual(plain.subarray(at, at + length));
    }
    memory.bytes.set(plain);
  });
  test('a copy may overlap what it is taken from', () => {
    for (const [from, to] of [
      [1074, 1000],
      [1003, 1000],
      [1000, 1005],
    ] as const) {
      copyLong(memory.bytes, from, memory.bytes, to, 1398);
      expect(memory.bytes.subarray(to, to + 1398)).toEqual(plain.subarray(from, from + 1398));
      memory.bytes.set(plain);
    }
  });
  test('of nothing but ones does not run over', () => {
    memory.bytes.fill(0xff);
    expect(checksum.fold(checksum.add(0, memory.bytes, 0, 65_536))).toBe(0xffff);
    memory.bytes.fill(0);
    expect(checksum.fold(checksum.add(0, memory.bytes, 0, 65_536))).toBe(0);
  });
});

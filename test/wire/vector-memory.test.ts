import { afterAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import * as checksum from '../../src/wire/checksum.ts';
import { vectorMemory } from '../../src/wire/vector-memory.ts';

const memory = vectorMemory(1 << 17)!;
const random = new SeededRandom(5);
for (let i = 0; i < memory.bytes.length; i++) memory.bytes[i] = random.below(256);
/** The same bytes in memory of another kind. */
const plain = Uint8Array.from(memory.bytes);

describe('a sum by vectors', () => {
  checksum.sumByVectors(memory);
  afterAll(() => checksum.sumByVectors({ bytes: new Uint8Array(0), sum: () => 0 }));

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
  test('of nothing but ones does not run over', () => {
    memory.bytes.fill(0xff);
    expect(checksum.fold(checksum.add(0, memory.bytes, 0, 65_536))).toBe(0xffff);
    memory.bytes.fill(0);
    expect(checksum.fold(checksum.add(0, memory.bytes, 0, 65_536))).toBe(0);
  });
});

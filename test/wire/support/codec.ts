/** What every codec must bear, said once: encode into a buffer that is full of 0xa5, each truncation, random bytes. */
import fc from 'fast-check';
import { expect } from 'vitest';
import { DropReason } from '../../../src/base/drop-reason.ts';

/** Encodes in the middle of a buffer of 0xa5 and expects exactly `image` there and nothing else touched. */
export function expectEncoded(encode: (b: Uint8Array, at: number) => number, image: Uint8Array): void {
  const at = 6; // even, as headers stand
  const b = new Uint8Array(at + image.length + 9).fill(0xa5);
  expect(encode(b, at)).toBe(at + image.length);
  expect(Buffer.from(b.subarray(at, at + image.length)).toString('hex')).toBe(Buffer.from(image).toString('hex'));
  expect(b.subarray(0, at).every(v => v === 0xa5)).toBe(true);
  expect(b.subarray(at + image.length).every(v => v === 0xa5)).toBe(true);
}

type Check = (b: Uint8Array, at: number, end: number) => DropReason;

/** `check` accepts the whole of `image` and nothing that is shorter than `needed` (all of it without that). */
export function expectTruncationsRefused(check: Check, image: Uint8Array, needed = image.length): void {
  expect(check(image, 0, image.length)).toBe(DropReason.None);
  for (let end = 0; end < needed; end++) expect(check(image, 0, end), `cut after ${end} bytes`).not.toBe(DropReason.None);
}

const reasons = new Set<number>(Object.values(DropReason));

/** Whatever the bytes, `check` gives a reason and what it accepts can be read with all offsets inside. */
export function expectRandomBytesBorne(
  check: Check,
  read: (b: Uint8Array, at: number, end: number) => void,
  seeds: readonly Uint8Array[] = [],
): void {
  const spoiled = seeds.map(seed =>
    fc.tuple(fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), { maxLength: 3 }), fc.nat(seed.length)).map(([changes, length]) => {
      const b = Uint8Array.from(seed);
      for (const [at, value] of changes) b[at] = value;
      return b.subarray(0, length);
    }),
  );
  const anything = fc.oneof(fc.uint8Array({ maxLength: 120 }), ...spoiled);
  fc.assert(
    fc.property(anything, fc.nat(8), (content, at) => {
      const b = new Uint8Array(at + content.length).fill(0xa5, 0, at);
      b.set(content, at);
      const reason = check(b, at, b.length);
      expect(reasons.has(reason)).toBe(true);
      if (reason === DropReason.None) read(b, at, b.length);
    }),
    { numRuns: 500 },
  );
}

import { expect, test } from 'vitest';
import { inside, outside } from '../../src/wire/ecn.ts';

test('outside stands what stands inside, but congestion begins anew', () => {
  expect([0, 1, 2, 3, 0xb8, 0xbb].map(outside)).toEqual([0, 1, 2, 2, 0, 2]);
});

// RFC 6040 section 4.2, figure 4: rows inner, columns outer; Linux keeps what the figure marks with (!) but for the drop.
test.each([
  { inner: 0xb8, becomes: [0xb8, 0xb8, 0xb8, -1] },
  { inner: 0xb9, becomes: [0xb9, 0xb9, 0xb9, 0xbb] },
  { inner: 0xba, becomes: [0xba, 0xb9, 0xba, 0xbb] },
  { inner: 0xbb, becomes: [0xbb, 0xbb, 0xbb, 0xbb] },
])('inner $inner, by the outer bits', ({ inner, becomes }) => {
  expect([0, 1, 2, 3].map(outer => inside(outer, inner))).toEqual(becomes);
});

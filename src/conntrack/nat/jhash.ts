/** Bob Jenkins' lookup3 as the kernel's `jhash2` has it (`include/linux/jhash.h`), for one word followed by three zero words. */
const GOLDEN = 0xdeadbeef;

const rol = (x: number, n: number): number => (x << n) | (x >>> (32 - n));

/** `jhash2({word, 0, 0, 0}, 4, initial)`. @returns 0..0xffffffff */
export function jhashAddress(word: number, initial: number): number {
  let a = (GOLDEN + 16 + initial) | 0;
  let b = a;
  let c = a;
  a = (a + word) | 0;
  a = (a - c) ^ rol(c, 4);
  c = (c + b) | 0;
  b = (b - a) ^ rol(a, 6);
  a = (a + c) | 0;
  c = (c - b) ^ rol(b, 8);
  b = (b + a) | 0;
  a = (a - c) ^ rol(c, 16);
  c = (c + b) | 0;
  b = (b - a) ^ rol(a, 19);
  a = (a + c) | 0;
  c = (c - b) ^ rol(b, 4);
  b = (b + a) | 0;
  c = ((c ^ b) - rol(b, 14)) | 0;
  a = ((a ^ c) - rol(c, 11)) | 0;
  b = ((b ^ a) - rol(a, 25)) | 0;
  c = ((c ^ b) - rol(b, 16)) | 0;
  a = ((a ^ c) - rol(c, 4)) | 0;
  b = ((b ^ a) - rol(a, 14)) | 0;
  return ((c ^ b) - rol(b, 24)) >>> 0;
}

/** Bytes turned round: the kernel hashes addresses as they stand in memory, and every machine of interest is little-endian. */
export const swap32 = (v: number): number => ((v & 0xff) << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24);

/** `reciprocal_scale`: h * n / 2^32 in whole numbers, n from 1 to 2^32. */
export function scale(h: number, n: number): number {
  const low = (h & 0xffff) * n;
  return Math.floor(((h >>> 16) * n + low / 0x1_0000) / 0x1_0000);
}

/**
 * Numbers as strtoul(3) with base 0 reads them, which is how every number of a rule is read: white space and a `+` may stand in
 * front, `0x` is hexadecimal, a leading `0` octal. A minus is never taken.
 */

/** Where the last scan stopped: the offset of the first character that is no part of the number. */
export let scanEnd = 0;

/** Reads a number at `from`. NaN when there is none. Above 2^53 the value is only good for comparing with a limit. */
export function scanUnsigned(text: string, from = 0): number {
  let i = from;
  let c = text.charCodeAt(i);
  if (c >= 0x31 && c <= 0x39) {
    // The plain decimal number, which nearly all are.
    let v = 0;
    do {
      v = v * 10 + c - 0x30;
      c = text.charCodeAt(++i);
    } while (c >= 0x30 && c <= 0x39);
    scanEnd = i;
    return v;
  }
  while (c === 0x20 || (c >= 9 && c <= 13)) c = text.charCodeAt(++i);
  if (c === 0x2b) c = text.charCodeAt(++i);
  let base = 10;
  if (c === 0x30) {
    base = 8;
    if ((text.charCodeAt(i + 1) | 0x20) === 0x78 && digit(text.charCodeAt(i + 2)) < 16) {
      base = 16;
      i += 2;
    }
  }
  const start = i;
  let v = 0;
  for (let d = digit(text.charCodeAt(i)); d < base; d = digit(text.charCodeAt(++i))) v = v * base + d;
  scanEnd = i;
  return i === start ? Number.NaN : v;
}

/** The whole of `text` as a number of [min, max], or -1. */
export function parseUnsigned(text: string, min: number, max: number): number {
  const v = scanUnsigned(text);
  return scanEnd === text.length && v >= min && v <= max ? v : -1;
}

/** The same for 64 bits; undefined when it is no number of 0..2^64-1. */
export function parseUnsigned64(text: string): bigint | undefined {
  const v = scanUnsigned(text);
  if (Number.isNaN(v) || scanEnd !== text.length) return undefined;
  if (v <= Number.MAX_SAFE_INTEGER) return BigInt(v);
  const plain = text.trim().replace(/^\+/, '');
  const big = BigInt(/^0[0-7]/.test(plain) ? `0o${plain.slice(1)}` : plain);
  return big < 1n << 64n ? big : undefined;
}

/** What atoi(3) makes of a text: the leading decimal digits, 0 when there are none. */
export function leadingDecimal(text: string): number {
  const m = /^\s*([+-]?\d+)/.exec(text);
  return m ? Number(m[1]) : 0;
}

function digit(c: number): number {
  if (c >= 0x30 && c <= 0x39) return c - 0x30;
  const lower = c | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : 99;
}

export const hex = (v: number): string => `0x${v.toString(16)}`;
export const hex2 = (v: number): string => `0x${v.toString(16).padStart(2, '0')}`;

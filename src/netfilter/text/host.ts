/** Addresses as getaddrinfo(3) reads them where iptables asks it for one host. */
import type { Ipv4 } from '../../base/address.ts';
import { scanEnd, scanUnsigned } from './numbers.ts';
import type { Words } from './words.ts';

/** inet_aton(3): one to four numbers, the last filling what is left: `8` is 0.0.0.8, `10.1` is 10.0.0.1. */
export function inetAton(text: string): Ipv4 | undefined {
  let v = 0;
  let at = 0;
  if (!/^\d/.test(text)) return undefined;
  for (let i = 0; i < 4; i++) {
    const part = scanUnsigned(text, at);
    const last = scanEnd === text.length;
    if (!(part <= (last ? 2 ** (8 * (4 - i)) - 1 : 255))) return undefined;
    if (last) return v | part | 0;
    if (text[scanEnd] !== '.') return undefined;
    v |= part << (24 - 8 * i);
    at = scanEnd + 1;
    if (!/\d/.test(text[at] ?? '')) return undefined;
  }
  return undefined;
}

export const addressAsMask = (word: string, words: Words): Ipv4 =>
  inetAton(word) ?? words.bad('a netmask written as an address, such as 255.255.255.0');

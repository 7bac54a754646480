/** Values that many options have in common: numbers, ranges, ports, addresses, marks, names. Each is the `parse` of an option. */
import { formatIpv4, type Ipv4, maskOf, prefixOf } from '../../base/address.ts';
import type { NotInterface, Range } from '../ruleset.ts';
import { systemNames } from './names.ts';
import { parseUnsigned, parseUnsigned64, scanEnd, scanUnsigned } from './numbers.ts';
import type { Words } from './words.ts';

export const MAX_U8 = 0xff;
export const MAX_U16 = 0xffff;
export const MAX_U32 = 0xffff_ffff;

export const unsigned =
  (min: number, max: number) =>
  (word: string, words: Words): number => {
    const v = parseUnsigned(word, min, max);
    return v < 0 ? words.bad(`a number ${min}..${max}`) : v;
  };
export const u8 = unsigned(0, MAX_U8);
export const u16 = unsigned(0, MAX_U16);
export const u32 = unsigned(0, MAX_U32);

export const u64 = (word: string, words: Words): bigint => parseUnsigned64(word) ?? words.bad('a number 0..18446744073709551615');

/**
 * `low:high`, `low:`, `:high` or one number. iptables 1.8.9 takes the ends in any order (`4:3` never matches); later ones do not.
 * `parts` is 1 when there was no colon.
 */
export const range =
  (max: number) =>
  (word: string, words: Words): Range & { readonly parts: number } => {
    const expected = `a number or range low:high of 0..${max}`;
    const colon = word.indexOf(':');
    const low = colon === 0 || word === '' ? 0 : scanUnsigned(word);
    if (Number.isNaN(low) || low > max) return words.bad(expected);
    if (colon < 0) {
      if (word !== '' && scanEnd !== word.length) return words.bad(expected);
      return { low, high: low, parts: 1 };
    }
    if (colon > 0 && scanEnd !== colon) return words.bad(expected);
    const high = colon === word.length - 1 ? max : scanUnsigned(word, colon + 1);
    if (Number.isNaN(high) || high > max || (colon < word.length - 1 && scanEnd !== word.length)) return words.bad(expected);
    return { low, high, parts: 2 };
  };

/** A port by number or by the name of its service with `protocol`. */
export function port(word: string, words: Words, protocol?: string): number {
  const v = parseUnsigned(word, 0, MAX_U16);
  if (v >= 0) return v;
  return systemNames.servicePort(word, protocol) ?? words.bad('a port 0..65535 or the name of a service');
}

/** `low:high`, `low:`, `:high`, `:` or one port. @param ordered refuse `4:3` */
export const portRange =
  (protocol: string | undefined, ordered: boolean) =>
  (word: string, words: Words): Range => {
    const colon = word.indexOf(':');
    if (colon < 0) {
      const v = port(word, words, protocol);
      return { low: v, high: v };
    }
    const low = colon === 0 ? 0 : port(word.slice(0, colon), words, protocol);
    const high = colon === word.length - 1 ? MAX_U16 : port(word.slice(colon + 1), words, protocol);
    if (ordered && low > high) return words.bad('a range whose first port is not above its last');
    return { low, high };
  };

export const printRange = (r: Range): string => (r.low === r.high ? `${r.low}` : `${r.low}:${r.high}`);

/** `value` or `value/mask`; without a mask, all bits. */
export interface Marked {
  readonly value: number;
  readonly mask: number;
}
export function markMask(word: string, words: Words): Marked {
  const expected = 'a mark 0..0xffffffff, with /mask if wanted';
  const value = scanUnsigned(word);
  if (Number.isNaN(value) || value > MAX_U32) return words.bad(expected);
  if (scanEnd === word.length) return { value, mask: MAX_U32 };
  if (word[scanEnd] !== '/') return words.bad(expected);
  const mask = scanUnsigned(word, scanEnd + 1);
  if (Number.isNaN(mask) || mask > MAX_U32 || scanEnd !== word.length) return words.bad(expected);
  return { value, mask };
}

export const text =
  (min: number, max: number) =>
  (word: string, words: Words): string => {
    if (word.length < min) return words.bad(`at least ${min} character${min === 1 ? '' : 's'}`);
    return word.length > max ? words.bad(`at most ${max} characters`) : word;
  };

/** Cut off after `max` characters, as iptables does with the texts that it copies into a field. */
export const cutText =
  (min: number, max: number) =>
  (word: string, words: Words): string =>
    word.length < min ? words.bad(`at least ${min} character${min === 1 ? '' : 's'}`) : word.slice(0, max);

/** One of `choices`; upper and lower case are the same. */
export const oneOf =
  <const C extends readonly string[]>(...choices: C) =>
  (word: string, words: Words): C[number] =>
    choices.find(c => c.toLowerCase() === word.toLowerCase()) ?? words.bad(`one of ${choices.join(' ')}`);

/**
 * A list `a,b,c` whose words may be cut short, upper or lower case; the first of `names` that starts so wins (strncasecmp(3)).
 * @returns the values, joined bit by bit
 */
export const flagList =
  (names: readonly (readonly [string, number])[]) =>
  (word: string, words: Words): number => {
    let bits = 0;
    for (const item of word.split(',')) {
      const found = item === '' ? undefined : names.find(([name]) => name.toLowerCase().startsWith(item.toLowerCase()));
      if (!found) return words.bad(`a list of ${names.map(([name]) => name).join(',')} (bad item "${item}")`);
      bits |= found[1];
    }
    return bits;
  };

/** Dotted octets, decimal, 0x or octal. `short` allows `10` and `10.1`, whose other octets are 0 (iptables reads networks so). */
export function dotted(text: string, short: boolean): Ipv4 | undefined {
  let v = 0;
  let at = 0;
  for (let i = 0; i < 4; i++) {
    const octet = scanUnsigned(text, at);
    if (!(octet <= 255)) return undefined;
    v = (v << 8) | octet;
    if (scanEnd === text.length) return i === 3 ? v : short ? v << (8 * (3 - i)) : undefined;
    if (text.charCodeAt(scanEnd) !== 0x2e) return undefined;
    at = scanEnd + 1;
  }
  return undefined;
}

/** `24` or `255.255.255.0`, as int32. */
export function netmask(text: string): number | undefined {
  const bits = parseUnsigned(text, 0, 32);
  return bits >= 0 ? maskOf(bits) : dotted(text, false);
}

/** One IPv4 address; names are not resolved. */
export const host = (word: string, words: Words): Ipv4 =>
  dotted(word, false) ?? words.bad('an IPv4 address such as 10.0.0.1 (names are not resolved)');

/** `address` or `address/mask`, host bits as written. */
export function hostMask(word: string, words: Words): { address: Ipv4; mask: number } {
  const slash = word.indexOf('/');
  const address = dotted(slash < 0 ? word : word.slice(0, slash), false);
  const mask = slash < 0 ? -1 : netmask(word.slice(slash + 1));
  if (address === undefined || mask === undefined) return words.bad('an IPv4 address, with /prefix or /netmask if wanted');
  return { address, mask };
}

/** How a mask is written behind an address: `/24`, `/255.0.255.0`. */
export function printMask(mask: number): string {
  const prefix = prefixOf(mask);
  return prefix < 0 ? `/${formatIpv4(mask)}` : `/${prefix}`;
}
/** The same with nothing for all bits. */
export const printOptionalMask = (mask: number): string => (mask === -1 ? '' : printMask(mask));

/** A number 0..255 or the name of a protocol. */
export function protocolNumber(word: string, words: Words): number {
  const v = parseUnsigned(word, 0, MAX_U8);
  return v >= 0 ? v : (systemNames.protocolNumber(word) ?? words.bad('an IP protocol: a name or a number 0..255'));
}

/** IFNAMSIZ with its end mark. */
const MAX_INTERFACE = 15;
export function interfaceName(word: string, words: Words): Omit<NotInterface, 'not'> {
  if (word.length > MAX_INTERFACE) return words.bad(`the name of an interface, at most ${MAX_INTERFACE} characters`);
  // Differs from iptables, which takes them, and writes a rule that it cannot read.
  if (word === '' || /[\s"]/.test(word)) return words.bad('the name of an interface, without " and white space');
  return word.endsWith('+') ? { name: word.slice(0, -1), prefix: true } : { name: word, prefix: false };
}
export const printInterface = (i: Omit<NotInterface, 'not'>): string => (i.prefix ? `${i.name}+` : i.name);

/** Text as iptables-save quotes it: bare when it is only letters, digits, `_` and `-`. */
export function quote(value: string): string {
  return /^[\w-]+$/.test(value) ? value : `"${value.replace(/["\\']/g, '\\$&')}"`;
}
export const bang = (not: boolean): string => (not ? ' !' : '');

/** Names of addresses: `11.0.96.10.in-addr.arpa.` (RFC 1035, section 3.5) and nibbles below `ip6.arpa.` (RFC 3596, section 2.5). */
import { parseIp } from '../base/ip.ts';
import { labels } from '../wire/dns-name.ts';

export const REVERSE_V4 = 'in-addr.arpa.';
export const REVERSE_V6 = 'ip6.arpa.';

/** @param name in lower case @returns the address, or undefined when it is the name of none. */
export function addressOfReverse(name: string): string | undefined {
  const parts = labels(name).reverse().slice(2);
  if (name.endsWith(`.${REVERSE_V4}`)) {
    const text = parts.join('.');
    return parts.length === 4 && parts.every(octet => /^(0|[1-9]\d{0,2})$/.test(octet)) ? parseIp(text)?.text : undefined;
  }
  if (!name.endsWith(`.${REVERSE_V6}`) || parts.length !== 32 || !parts.every(nibble => /^[0-9a-f]$/.test(nibble))) return undefined;
  return parseIp(parts.join('').replace(/(.{4})(?=.)/g, '$1:'))?.text;
}

/** The name that is asked for an IPv4 address. */
export const reverseOf = (address: string): string => `${address.split('.').reverse().join('.')}.${REVERSE_V4}`;

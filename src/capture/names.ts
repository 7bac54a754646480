/** Names of addresses as a capture's name resolution block takes them. */
import { tryParseIpv4 } from '../base/address.ts';

/** @param names by dotted address; what is no IPv4 address (a MAC) has no place in the block and is left out */
export function addressNames(names: Readonly<Record<string, string>>): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const [address, name] of Object.entries(names)) {
    const v = tryParseIpv4(address);
    if (v !== undefined) found.set(v, [name]);
  }
  return found;
}

/** struct sockaddr_in (ip(7)): 0 family (16), 2 port (16, network order), 4 address (32, network order), 8 zero. */
import { parseIpv4 } from '../../base/address.ts';
import { AF_INET } from '../../os/libc.ts';
import { type Arena, arena } from '../../os/memory.ts';

export const ADDRESS_LEN = 16;

export function internetAddress(address: string, port: number): Arena {
  const made = arena(ADDRESS_LEN);
  const view = new DataView(made.bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port, false);
  view.setInt32(4, parseIpv4(address), false);
  return made;
}

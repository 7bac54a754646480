/** IPv4 in IPv4 (RFC 2003), as Linux's fallback device `tunl0` does it (`net/ipv4/ipip.c`, `ip_tunnel.c`). */
import type { Ipv4 } from '../base/address.ts';

export class Ipip {
  /** Interface id of the device. */
  readonly id: number;
  /** Source of the outer packets. */
  readonly local: Ipv4;

  constructor(id: number, local: Ipv4) {
    this.id = id;
    this.local = local;
  }
}

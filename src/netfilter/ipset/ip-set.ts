/** A set as `ipset save` writes it down: plain data of the cold side. */
import type { Ipv4 } from '../../base/address.ts';

interface Named {
  readonly name: string;
}
/** Members are addresses under the set's netmask (int32; -1: whole addresses). */
export interface HashIp extends Named {
  readonly type: 'hash:ip';
  readonly mask: number;
  readonly members: readonly Ipv4[];
}
/** `nomatch`: an exception from the wider networks around it. */
export interface HashNet extends Named {
  readonly type: 'hash:net';
  readonly members: readonly { readonly address: Ipv4; readonly prefix: number; readonly nomatch: boolean }[];
}
/** For ICMP the port is type << 8 | code. */
export interface HashIpPort extends Named {
  readonly type: 'hash:ip,port';
  readonly members: readonly { readonly address: Ipv4; readonly protocol: number; readonly port: number }[];
}
/** Ports of any protocol that has them. */
export interface BitmapPort extends Named {
  readonly type: 'bitmap:port';
  readonly members: readonly number[];
}
export type IpSet = HashIp | HashNet | HashIpPort | BitmapPort;

/** How many of `--match-set`'s src and dst a set reads. */
export const dimensions = { 'hash:ip': 1, 'hash:net': 1, 'hash:ip,port': 2, 'bitmap:port': 1 } as const;

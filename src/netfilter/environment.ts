/**
 * What the rules ask of the router that runs them. Handed in when the router is built; every call is made on the path of a packet, so
 * it takes and returns numbers and allocates nothing.
 */
import type { Ipv4 } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Conntrack } from '../conntrack/conntrack.ts';
import type { Nat } from '../conntrack/nat/nat.ts';
import type { Packet } from '../packet/packet.ts';
import type { Hook } from '../packet/verdict.ts';

/** The part of `conntrack/` that rules read and write. Entries are int32 indexes, `Packet.ct`. */
export type Connections = Pick<
  Conntrack,
  | 'track'
  | 'confirm'
  | 'status'
  | 'mark'
  | 'setMark'
  | 'protocol'
  | 'expiresMs'
  | 'origSrc'
  | 'origDst'
  | 'replySrc'
  | 'replyDst'
  | 'origSrcPort'
  | 'origDstPort'
  | 'replySrcPort'
  | 'replyDstPort'
> & { readonly nat: Pick<Nat, 'consults' | 'initialized' | 'bind' | 'bindNull' | 'masquerade' | 'netmap' | 'translate'> };

/** Names of the router's interfaces: rules name them, packets carry ids. */
export interface InterfaceNames {
  /** Grows whenever an id gets, loses or changes its name. */
  readonly generation: number;
  /** Ids are 1..count; 0 is "no interface". */
  readonly count: number;
  /** Empty for an id that is free. */
  name(id: number): string;
}

export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly connections: Connections;
  readonly interfaces: InterfaceNames;
  /** inet_addr_type: RTN_* of an address, by the local table; `iface` not 0: only that interface's own addresses are local (inet_dev_addr_type). */
  addressType(address: Ipv4, iface: number): number;
  /** Is `p.iif` the interface by which the packet's source is reached (rpfilter)? `loose`: by any interface. `mark` counts in the look-up. */
  reversePath(p: Packet, loose: boolean, mark: number, acceptLocal: boolean): boolean;
  /** inet_select_addr: the source for packets leaving `oif` to `nextHop`; 0 when it has none. */
  masqueradeSource(oif: number, nextHop: Ipv4): Ipv4;
  /** First address of an interface; 0 when it has none. */
  primaryAddress(iface: number): Ipv4;
  /** Smaller of the MTU to the packet's destination and of that back to its source. */
  pathMtu(p: Packet): number;
  /** Answers with what `rejectTypes[how]` names. The packet itself is dropped by the caller. */
  reject(p: Packet, hook: Hook, how: number): void;
  /** ip_route_me_harder: addresses, mark or TOS of a packet of OUTPUT have changed. @returns false when there is no route. */
  reroute(p: Packet): boolean;
  /** LOG and NFLOG. `rule` is the counter's index in the program, of which the cold side knows the prefix. */
  log(p: Packet, hook: Hook, rule: number): void;
}

/**
 * What the rules ask of the router that runs them. Handed in when the router is built; every call is made on the path of a packet, so
 * it takes and returns numbers and allocates nothing.
 */
import type { Ipv4 } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Packet } from '../packet/packet.ts';
import type { Hook, Verdict } from '../packet/verdict.ts';

/** NF_NAT_RANGE_* (`include/uapi/linux/netfilter/nf_nat.h`). */
export const NatRange = {
  MapIps: 1,
  ProtoSpecified: 2,
  ProtoRandom: 4,
  Persistent: 8,
  ProtoRandomFully: 16,
  ProtoOffset: 32,
  Netmap: 64,
} as const;

/** Which end a translation changes (`enum nf_nat_manip_type`). */
export const Manip = { Src: 0, Dst: 1 } as const;
export type Manip = (typeof Manip)[keyof typeof Manip];

/** The part of `conntrack/` that rules read and write; `conntrack.Conntrack` is one. Entries are int32 indexes, `Packet.ct`. */
export interface Connections {
  /** nf_conntrack_in: finds or makes the packet's entry. */
  track(p: Packet, hook: Hook): Verdict;
  /** nf_conntrack_confirm: puts a new entry into the table. */
  confirm(p: Packet): Verdict;
  /** IPS_* bits. */
  status(ct: number): number;
  /** Unsigned. */
  mark(ct: number): number;
  setMark(ct: number, mark: number): void;
  protocol(ct: number): number;
  /** Milliseconds left of the entry's timeout, 0 when it is past. */
  expiresInMs(ct: number): number;
  origSrc(ct: number): Ipv4;
  origDst(ct: number): Ipv4;
  replSrc(ct: number): Ipv4;
  replDst(ct: number): Ipv4;
  origSrcPort(ct: number): number;
  origDstPort(ct: number): number;
  replSrcPort(ct: number): number;
  replDstPort(ct: number): number;
  readonly nat: Translations;
}

export interface Translations {
  initialized(ct: number, manip: Manip): boolean;
  /**
   * nf_nat_setup_info: chooses a free tuple inside the range and binds the entry to it.
   *
   * @param flags bits of `NatRange`
   * @param minAddr first address, int32; addresses count only with MapIps, ports only with ProtoSpecified
   */
  bind(ct: number, manip: Manip, flags: number, minAddr: Ipv4, maxAddr: Ipv4, minPort: number, maxPort: number, basePort: number): Verdict;
  /** nf_nat_alloc_null_binding: the tuple stays, unless it is taken. */
  bindNull(ct: number, manip: Manip): Verdict;
  /** nf_nat_packet, and nf_nat_icmp_reply_translation for an ICMP error. */
  translate(p: Packet, hook: Hook): Verdict;
  /** Notes the interface of a MASQUERADE, whose entries end with its address. */
  masquerade(ct: number, oif: number): void;
  /** nf_nat_oif_changed: a masqueraded flow leaves by another interface now. The entry is removed and the packet dropped. */
  oifChanged(ct: number, ctinfo: number, oif: number): boolean;
}

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

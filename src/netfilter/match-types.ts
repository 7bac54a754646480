/**
 * What a rule may ask of a packet, one type per match extension, discriminated by `kind`.
 *
 * Addresses and their masks are int32 (`base/address.ts`); marks and other 32-bit values are unsigned, 0..0xffffffff. `not` is the `!`
 * in front of the option. Ranges are inclusive at both ends. An option that was not given is absent. Objects are shared between rules
 * with equal words: nobody changes one after it was read.
 */
import type { Ipv4 } from '../base/address.ts';

export interface Range {
  readonly low: number;
  readonly high: number;
}
export interface NotRange extends Range {
  readonly not: boolean;
}
/** An address with its mask, host bits cleared. The mask need not be contiguous. */
export interface NotAddress {
  readonly address: Ipv4;
  readonly mask: number;
  readonly not: boolean;
}
/** Interface name; `prefix` is true when it was written with a trailing `+` (which `name` does not hold). `+` alone is every name. */
export interface NotInterface {
  readonly name: string;
  readonly prefix: boolean;
  readonly not: boolean;
}

/** Also `udp` and `sctp`: ports as unsigned 16 bits. `0:65535` with `not` never matches. */
export interface TcpMatch {
  readonly kind: 'tcp';
  readonly srcPort?: NotRange;
  readonly dstPort?: NotRange;
  /** Matches when `(flags & mask) === value`; bits of the TCP header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32. */
  readonly flags?: { readonly mask: number; readonly value: number; readonly not: boolean };
  readonly option?: { readonly number: number; readonly not: boolean };
}
export interface UdpMatch {
  readonly kind: 'udp';
  readonly srcPort?: NotRange;
  readonly dstPort?: NotRange;
}
/** `flags` is absent when the chunk's flags are not looked at. */
export interface SctpChunk {
  readonly type: number;
  readonly flags?: { readonly mask: number; readonly value: number };
}
export interface SctpMatch {
  readonly kind: 'sctp';
  readonly srcPort?: NotRange;
  readonly dstPort?: NotRange;
  /** `chunks` empty with `every` true means each of the 256 types (`ALL`); empty with `every` false, none of them (`NONE`). */
  readonly chunkTypes?: {
    readonly how: 'all' | 'any' | 'only';
    readonly every: boolean;
    readonly chunks: readonly SctpChunk[];
    readonly not: boolean;
  };
}
/** `type` 255 is "any". */
export interface IcmpMatch {
  readonly kind: 'icmp';
  readonly type: number;
  readonly code: Range;
  readonly not: boolean;
}
export interface MultiportMatch {
  readonly kind: 'multiport';
  readonly which: 'sports' | 'dports' | 'ports';
  readonly ports: readonly Range[];
  readonly not: boolean;
}

/** Bit of an address type in `addrtype` is `1 << number`; the numbers are those of the routing table (`RTN_*`). */
export const addressTypes = [
  'UNSPEC',
  'UNICAST',
  'LOCAL',
  'BROADCAST',
  'ANYCAST',
  'MULTICAST',
  'BLACKHOLE',
  'UNREACHABLE',
  'PROHIBIT',
  'THROW',
  'NAT',
  'XRESOLVE',
] as const;

export interface AddrtypeMatch {
  readonly kind: 'addrtype';
  readonly source?: { readonly types: number; readonly not: boolean };
  readonly destination?: { readonly types: number; readonly not: boolean };
  /** Only addresses of the packet's own in- or out-interface count as LOCAL. */
  readonly limitIn: boolean;
  readonly limitOut: boolean;
}

/** Bits of `ctstate` and `state`, as in xt_conntrack (`XT_CONNTRACK_STATE_*`). */
export const CtState = { INVALID: 1, ESTABLISHED: 2, RELATED: 4, NEW: 8, UNTRACKED: 64, SNAT: 128, DNAT: 256 } as const;
/** Bits of `ctstatus` (`IPS_*`). 0 stands for NONE. */
export const CtStatus = { NONE: 0, EXPECTED: 1, SEEN_REPLY: 2, ASSURED: 4, CONFIRMED: 8 } as const;

export interface ConntrackMatch {
  readonly kind: 'conntrack';
  /** Bits of `CtState`. */
  readonly state?: { readonly bits: number; readonly not: boolean };
  /** Bits of `CtStatus`; `bits` 0 matches an entry that has none of the four set. */
  readonly status?: { readonly bits: number; readonly not: boolean };
  readonly protocol?: { readonly number: number; readonly not: boolean };
  readonly origSrc?: NotAddress;
  readonly origDst?: NotAddress;
  readonly replSrc?: NotAddress;
  readonly replDst?: NotAddress;
  readonly origSrcPort?: NotRange;
  readonly origDstPort?: NotRange;
  readonly replSrcPort?: NotRange;
  readonly replDstPort?: NotRange;
  /** Seconds left of the entry's timeout. */
  readonly expireS?: NotRange;
  readonly direction?: { readonly reply: boolean };
}
/** The old form of `conntrack --ctstate`, printed as `-m state --state`; only INVALID, NEW, RELATED, ESTABLISHED, UNTRACKED. */
export interface StateMatch {
  readonly kind: 'state';
  readonly bits: number;
  readonly not: boolean;
}
/** Matches when `(mark & mask) === value`. */
export interface MarkMatch {
  readonly kind: 'mark' | 'connmark';
  readonly value: number;
  readonly mask: number;
  readonly not: boolean;
}
/** Every packet matches. */
export interface CommentMatch {
  readonly kind: 'comment';
  readonly text: string;
}
/**
 * random: matches when a 31-bit random number is below `threshold` (0..0x80000000 for probability 0..1).
 * nth: every `every`-th packet, counting from `packet` (0..every-1).
 */
export type StatisticMatch =
  | { readonly kind: 'statistic'; readonly mode: 'random'; readonly threshold: number; readonly not: boolean }
  | { readonly kind: 'statistic'; readonly mode: 'nth'; readonly every: number; readonly packet: number; readonly not: boolean };

export interface RecentMatch {
  readonly kind: 'recent';
  readonly op: 'set' | 'rcheck' | 'update' | 'remove';
  readonly not: boolean;
  /** Absent: any age, any count. */
  readonly seconds?: number;
  readonly hitcount?: number;
  readonly reap: boolean;
  readonly rttl: boolean;
  readonly name: string;
  readonly mask: number;
  readonly side: 'source' | 'destination';
}
/** Token bucket. `average` is the time for one packet in units of 1/10000 s (`XT_LIMIT_SCALE`): 3/hour is 12,000,000. */
export interface LimitMatch {
  readonly kind: 'limit';
  readonly average: number;
  readonly burst: number;
}
/** Bits of `HashlimitMatch.mode`. */
export const HashlimitMode = { dstip: 1, dstport: 2, srcip: 4, srcport: 8 } as const;

export interface HashlimitMatch {
  readonly kind: 'hashlimit';
  /** `--hashlimit-above`: matches what exceeds the rate. */
  readonly above: boolean;
  /**
   * packets: `average` is the time for one packet in units of 1/1,000,000 s (`XT_HASHLIMIT_SCALE_v2`), `burst` counts packets.
   * bytes: `average` is the cost of 16 bytes as the kernel keeps it, 0xffffffff / (bytes per second / 16 + 1); `burst` counts seconds
   * of that rate, 0 = none given.
   */
  readonly unit: 'packets' | 'bytes';
  readonly average: number;
  readonly burst: number;
  /** Bits of `HashlimitMode`; 0 puts every packet in one bucket. */
  readonly mode: number;
  readonly name: string;
  /** Prefix lengths 0..32. */
  readonly srcPrefix: number;
  readonly dstPrefix: number;
  /** Absent: the kernel's choice (buckets), 8 times the buckets (max). */
  readonly htableSize?: number;
  readonly htableMax?: number;
  readonly gcIntervalMs: number;
  readonly expireMs: number;
  readonly rateMatch: boolean;
  /** Means nothing without `rateMatch`; 0 = not given. */
  readonly rateIntervalS: number;
}
/** Of the IPv4 packet, header included. */
export interface LengthMatch extends NotRange {
  readonly kind: 'length';
}
export interface TtlMatch {
  readonly kind: 'ttl';
  readonly op: 'eq' | 'lt' | 'gt';
  readonly not: boolean;
  readonly ttl: number;
}
export interface TosMatch {
  readonly kind: 'tos';
  readonly value: number;
  readonly mask: number;
  readonly not: boolean;
}
/** The upper six bits of the TOS field. */
export interface DscpMatch {
  readonly kind: 'dscp';
  readonly dscp: number;
  readonly not: boolean;
}
/** Only SYN packets carry the option. */
export interface TcpmssMatch extends NotRange {
  readonly kind: 'tcpmss';
}
export interface MacMatch {
  readonly kind: 'mac';
  /** Six octets. */
  readonly source: readonly number[];
  readonly not: boolean;
}
/** Ends are int32 addresses; compare them unsigned. */
export interface IprangeMatch {
  readonly kind: 'iprange';
  readonly source?: NotRange;
  readonly destination?: NotRange;
}
export interface PkttypeMatch {
  readonly kind: 'pkttype';
  /** Value of `PacketType` (packet/packet.ts): 0 unicast (to this host), 1 broadcast, 2 multicast. */
  readonly type: number;
  readonly not: boolean;
}
export interface PhysdevMatch {
  readonly kind: 'physdev';
  readonly in?: NotInterface;
  readonly out?: NotInterface;
  readonly isIn?: { readonly not: boolean };
  readonly isOut?: { readonly not: boolean };
  readonly isBridged?: { readonly not: boolean };
}
export interface RpfilterMatch {
  readonly kind: 'rpfilter';
  readonly loose: boolean;
  readonly validmark: boolean;
  readonly acceptLocal: boolean;
  readonly invert: boolean;
}
export interface SetMatch {
  readonly kind: 'set';
  readonly name: string;
  readonly not: boolean;
  /** One word per dimension of the set. */
  readonly dimensions: readonly ('src' | 'dst')[];
  readonly returnNomatch: boolean;
  readonly noUpdateCounters: boolean;
  readonly noUpdateSubcounters: boolean;
  readonly packets?: SetCounter;
  readonly bytes?: SetCounter;
}
export interface SetCounter {
  readonly op: 'eq' | 'ne' | 'lt' | 'gt';
  readonly value: number;
}
/** Every packet matches, and the named accounting object counts it. */
export interface NfacctMatch {
  readonly kind: 'nfacct';
  readonly name: string;
}
export interface OwnerMatch {
  readonly kind: 'owner';
  readonly uid?: NotRange;
  readonly gid?: NotRange;
  readonly socketExists?: { readonly not: boolean };
  readonly supplGroups: boolean;
}
/** A match that is read and printed, and that the router cannot execute. `options` is in the order in which it is printed. */
export interface ExtraMatch {
  readonly kind: 'extra';
  readonly name: string;
  readonly options: readonly ExtraOption[];
}
/** One option as it is printed: `! --name value value`. */
export interface ExtraOption {
  readonly name: string;
  readonly not: boolean;
  readonly value?: string;
}

export type Match =
  | TcpMatch
  | UdpMatch
  | SctpMatch
  | IcmpMatch
  | MultiportMatch
  | AddrtypeMatch
  | ConntrackMatch
  | StateMatch
  | MarkMatch
  | CommentMatch
  | StatisticMatch
  | RecentMatch
  | LimitMatch
  | HashlimitMatch
  | LengthMatch
  | TtlMatch
  | TosMatch
  | DscpMatch
  | TcpmssMatch
  | MacMatch
  | IprangeMatch
  | PkttypeMatch
  | PhysdevMatch
  | RpfilterMatch
  | SetMatch
  | NfacctMatch
  | OwnerMatch
  | ExtraMatch;

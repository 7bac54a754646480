/**
 * What a rule does with a packet, one type per target, discriminated by `kind`. Units and conventions as in `match-types.ts`.
 */
import type { Ipv4 } from '../base/address.ts';
import type { ExtraOption, Range } from './match-types.ts';

export interface VerdictTarget {
  readonly kind: 'ACCEPT' | 'DROP' | 'RETURN';
}
/** `-j CHAIN` and `-g CHAIN`: after a goto, RETURN and the chain's end go back to the caller's caller. */
export interface ChainTarget {
  readonly kind: 'jump' | 'goto';
  readonly chain: string;
}

export const rejectTypes = [
  'icmp-net-unreachable',
  'icmp-host-unreachable',
  'icmp-proto-unreachable',
  'icmp-port-unreachable',
  'icmp-net-prohibited',
  'icmp-host-prohibited',
  'icmp-admin-prohibited',
  'tcp-reset',
] as const;
export type RejectType = (typeof rejectTypes)[number];
export interface RejectTarget {
  readonly kind: 'REJECT';
  readonly with: RejectType;
}

/** First and last address, int32; equal for one address. Compare unsigned. */
export interface AddressRange {
  readonly low: Ipv4;
  readonly high: Ipv4;
}
export interface DnatTarget {
  readonly kind: 'DNAT';
  /** Absent: the address stays (`--to-destination :8080`). */
  readonly addresses?: AddressRange;
  readonly ports?: Range;
  /** `low-high/base`: port = low + (original port - base), shifted. 0 = not given. */
  readonly basePort: number;
  readonly random: boolean;
  readonly persistent: boolean;
}
export interface SnatTarget {
  readonly kind: 'SNAT';
  readonly addresses?: AddressRange;
  readonly ports?: Range;
  readonly random: boolean;
  readonly randomFully: boolean;
  readonly persistent: boolean;
}
export interface MasqueradeTarget {
  readonly kind: 'MASQUERADE';
  readonly ports?: Range;
  readonly random: boolean;
  readonly randomFully: boolean;
}
/** Destination becomes the address of the in-interface; 127.0.0.1 in OUTPUT. */
export interface RedirectTarget {
  readonly kind: 'REDIRECT';
  readonly ports?: Range;
  readonly random: boolean;
}
/** The bits under `mask` become those of `address`; source or destination by the hook. */
export interface NetmapTarget {
  readonly kind: 'NETMAP';
  readonly address: Ipv4;
  readonly mask: number;
}
/** `mark = (mark & ~mask) ^ value`: every form of the command line comes down to this. */
export interface MarkTarget {
  readonly kind: 'MARK';
  readonly value: number;
  readonly mask: number;
}
/**
 * set: `ctmark = (ctmark & ~ctMask) ^ value`.
 * save: `ctmark = (ctmark & ~ctMask) ^ (nfmark & nfMask)`. restore: `nfmark = (nfmark & ~nfMask) ^ (ctmark & ctMask)`.
 * `shift`: bits to the left (positive) or right (negative), 0 = none (xt_connmark revision 2).
 */
export type ConnmarkTarget =
  | { readonly kind: 'CONNMARK'; readonly op: 'set'; readonly value: number; readonly ctMask: number; readonly shift: number }
  | {
      readonly kind: 'CONNMARK';
      readonly op: 'save' | 'restore';
      readonly nfMask: number;
      readonly ctMask: number;
      readonly shift: number;
    };

/** Bits of `ctevents` (`IPCT_*`). */
export const ctEvents = [
  ['new', 1],
  ['related', 2],
  ['destroy', 4],
  ['reply', 8],
  ['assured', 16],
  ['protoinfo', 32],
  ['helper', 64],
  ['mark', 128],
  ['natseqinfo', 256],
  ['secmark', 512],
] as const;
export interface CtTarget {
  readonly kind: 'CT';
  readonly notrack: boolean;
  readonly helper?: string;
  readonly timeout?: string;
  readonly ctEvents?: number;
  readonly expEvents?: number;
  /** 0..65535, or the packet's mark. */
  readonly zone?: { readonly direction: 'both' | 'orig' | 'reply'; readonly id: number | 'mark' };
}
export interface NotrackTarget {
  readonly kind: 'NOTRACK';
}
export interface TcpmssTarget {
  readonly kind: 'TCPMSS';
  readonly mss: number | 'clamp-to-pmtu';
}
export interface TtlTarget {
  readonly kind: 'TTL';
  readonly op: 'set' | 'inc' | 'dec';
  readonly value: number;
}
/** `tos = (tos & ~mask) ^ value`. */
export interface TosTarget {
  readonly kind: 'TOS';
  readonly value: number;
  readonly mask: number;
}
/** Sets the upper six bits of the TOS field. */
export interface DscpTarget {
  readonly kind: 'DSCP';
  readonly dscp: number;
}
export const LogFlag = { tcpSequence: 1, tcpOptions: 2, ipOptions: 4, uid: 8, macDecode: 32 } as const;
export interface LogTarget {
  readonly kind: 'LOG';
  /** syslog severity 0..7; 4 (warning) unless given. */
  readonly level: number;
  readonly prefix: string;
  /** Bits of `LogFlag`. */
  readonly flags: number;
}
export interface NflogTarget {
  readonly kind: 'NFLOG';
  readonly group: number;
  readonly prefix: string;
  /** Bytes to copy: `--nflog-range` (never honoured by the kernel) or `--nflog-size`. */
  readonly range?: number;
  readonly size?: number;
  readonly threshold: number;
}
export interface TraceTarget {
  readonly kind: 'TRACE';
}
export interface ClassifyTarget {
  readonly kind: 'CLASSIFY';
  /** major << 16 | minor, unsigned. */
  readonly classId: number;
}
export interface NfqueueTarget {
  readonly kind: 'NFQUEUE';
  readonly first: number;
  readonly count: number;
  readonly bypass: boolean;
  readonly cpuFanout: boolean;
}
/** A target that is read and printed, and that the router cannot execute. */
export interface ExtraTarget {
  readonly kind: 'extra';
  readonly name: string;
  readonly options: readonly ExtraOption[];
}

export type Target =
  | VerdictTarget
  | ChainTarget
  | RejectTarget
  | DnatTarget
  | SnatTarget
  | MasqueradeTarget
  | RedirectTarget
  | NetmapTarget
  | MarkTarget
  | ConnmarkTarget
  | CtTarget
  | NotrackTarget
  | TcpmssTarget
  | TtlTarget
  | TosTarget
  | DscpTarget
  | LogTarget
  | NflogTarget
  | TraceTarget
  | ClassifyTarget
  | NfqueueTarget
  | ExtraTarget;

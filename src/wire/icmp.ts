/**
 * ICMP header (RFC 792, RFC 1191), read and written in place. `at` is the offset of the type. The four bytes after the checksum are
 * identifier and sequence number of a query, or unused and next-hop MTU of an error; an error then quotes the packet it is about.
 */
import { DropReason } from '../base/drop-reason.ts';
import { i32, setU16, setU32, u16 } from './bytes.ts';
import * as sum from './checksum.ts';

const TYPE = 0;
const CODE = 1;
const CHECKSUM = 2;
const ID = 4;
const SEQUENCE = 6;
const REST = 4;
export const HEADER_LEN = 8;
export const CHECKSUM_OFFSET = CHECKSUM;

export const Type = {
  EchoReply: 0,
  DestUnreachable: 3,
  SourceQuench: 4,
  Redirect: 5,
  Echo: 8,
  RouterAdvertisement: 9,
  RouterSolicitation: 10,
  TimeExceeded: 11,
  ParameterProblem: 12,
  Timestamp: 13,
  TimestampReply: 14,
  InformationRequest: 15,
  InformationReply: 16,
  AddressMaskRequest: 17,
  AddressMaskReply: 18,
} as const;

/** Codes of `DestUnreachable` (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1). */
export const Unreachable = {
  Net: 0,
  Host: 1,
  Protocol: 2,
  Port: 3,
  FragNeeded: 4,
  SourceRoute: 5,
  NetProhibited: 9,
  HostProhibited: 10,
  AdminProhibited: 13,
} as const;

export const check = (at: number, end: number): DropReason => (end - at < HEADER_LEN ? DropReason.PktTooSmall : DropReason.None);

export const type = (b: Uint8Array, at: number): number => b[at + TYPE]!;
export const code = (b: Uint8Array, at: number): number => b[at + CODE]!;
export const checksum = (b: Uint8Array, at: number): number => u16(b, at + CHECKSUM);
export const id = (b: Uint8Array, at: number): number => u16(b, at + ID);
export const sequence = (b: Uint8Array, at: number): number => u16(b, at + SEQUENCE);
/** The four bytes after the checksum: gateway of a redirect, next-hop MTU in the low half. */
export const rest = (b: Uint8Array, at: number): number => i32(b, at + REST);
export const setChecksum = (b: Uint8Array, at: number, v: number): void => setU16(b, at + CHECKSUM, v);
export const setRest = (b: Uint8Array, at: number, v: number): void => setU32(b, at + REST, v);

/** Setter that keeps the checksum right (RFC 1624): what NAT of a query does. */
export function setId(b: Uint8Array, at: number, v: number): void {
  setChecksum(b, at, sum.update16(checksum(b, at), id(b, at), v));
  setU16(b, at + ID, v);
}

/** Is this one of the errors, which quote a packet and are never answered by another error (RFC 1122 section 3.2.2)? */
export const isError = (t: number): boolean =>
  t === Type.DestUnreachable || t === Type.SourceQuench || t === Type.Redirect || t === Type.TimeExceeded || t === Type.ParameterProblem;

/** Writes type, code, rest, and the checksum over `b[at, end)`, whose payload stands there already. */
export function finish(b: Uint8Array, at: number, end: number, t: number, c: number, restOfHeader: number): void {
  b[at + TYPE] = t;
  b[at + CODE] = c;
  setU32(b, at + REST, restOfHeader);
  setChecksum(b, at, 0);
  setChecksum(b, at, sum.of(b, at, end));
}

/** Object form. Allocates: for labs, tests and printing. `rest` is the int32 after the checksum. */
export interface IcmpHeader {
  type: number;
  code: number;
  checksum: number;
  rest: number;
}

export function encode(h: IcmpHeader, b: Uint8Array, at = 0): number {
  b[at + TYPE] = h.type;
  b[at + CODE] = h.code;
  setChecksum(b, at, h.checksum);
  setRest(b, at, h.rest);
  return at + HEADER_LEN;
}

export const decode = (b: Uint8Array, at = 0): IcmpHeader => ({
  type: type(b, at),
  code: code(b, at),
  checksum: checksum(b, at),
  rest: rest(b, at),
});

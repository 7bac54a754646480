/**
 * IPv4 addresses as int32, MAC addresses as a pair of numbers: cheap to compare and to store in typed arrays.
 * Dotted text is made only for eyes.
 */
import { LabError } from './errors.ts';

/** An IPv4 address in an int32 (signed): 10.0.0.1 is 0x0a000001, 192.168.0.1 is negative. */
export type Ipv4 = number;

/** An IPv4 network. `address` has its host bits as written; `mask` is an int32. */
export interface Cidr {
  address: Ipv4;
  prefix: number;
  mask: number;
}

/** @throws LabError ADDRESS when `text` is not four decimal octets. */
export function parseIpv4(text: string): Ipv4 {
  const v = tryParseIpv4(text);
  if (v === undefined) throw new LabError('ADDRESS', `not an IPv4 address: "${text}"`);
  return v;
}

export function tryParseIpv4(text: string): Ipv4 | undefined {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!m) return undefined;
  let v = 0;
  for (let i = 1; i <= 4; i++) {
    const octet = Number(m[i]);
    if (octet > 255) return undefined;
    v = (v << 8) | octet;
  }
  return v;
}

export const formatIpv4 = (v: Ipv4): string => `${v >>> 24}.${(v >>> 16) & 255}.${(v >>> 8) & 255}.${v & 255}`;

/** Netmask of a prefix length 0..32, as int32. */
export const maskOf = (prefix: number): number => (prefix === 0 ? 0 : -1 << (32 - prefix));

/** Prefix length of a contiguous netmask, or -1. */
export function prefixOf(mask: number): number {
  const prefix = Math.clz32(~mask);
  return maskOf(prefix) === (mask | 0) ? prefix : -1;
}

/** `10.244.1.0/24`, or a bare address, which is a /32. @throws LabError ADDRESS */
export function parseCidr(text: string): Cidr {
  const slash = text.indexOf('/');
  const address = parseIpv4(slash < 0 ? text : text.slice(0, slash));
  const length = slash < 0 ? '32' : text.slice(slash + 1);
  const prefix = /^\d{1,2}$/.test(length) ? Number(length) : 99;
  if (prefix > 32) throw new LabError('ADDRESS', `not a prefix length: "/${length}" in "${text}": must be between 0 and 32`);
  return { address, prefix, mask: maskOf(prefix) };
}

export const formatCidr = (c: { address: Ipv4; prefix: number }): string => `${formatIpv4(c.address)}/${c.prefix}`;

export const inCidr = (address: Ipv4, c: Cidr): boolean => ((address ^ c.address) & c.mask) === 0;

/** 224.0.0.0/4 (RFC 5771). */
export const isMulticast = (v: Ipv4): boolean => v >>> 28 === 0xe;
/** 127.0.0.0/8 (RFC 1122). */
export const isLoopback = (v: Ipv4): boolean => v >>> 24 === 127;
/** 255.255.255.255 (RFC 919). */
export const LIMITED_BROADCAST: Ipv4 = -1;

/** A MAC address of six bytes. @throws LabError ADDRESS */
export function parseMac(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) throw new LabError('ADDRESS', `not a MAC address: "${text}"`);
  return Uint8Array.from(text.split(':'), octet => Number.parseInt(octet, 16));
}

export const formatMac = (b: ArrayLike<number>, at = 0): string =>
  Array.from({ length: 6 }, (_, i) => b[at + i]!.toString(16).padStart(2, '0')).join(':');

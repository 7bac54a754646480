/**
 * Addresses and networks of both families as text and bytes, for the side that makes rules. Packets use `address.ts`.
 * What is taken and how it is written follows Go's `net.IP` as Kubernetes uses it (`k8s.io/utils/net`, ParseIPSloppy, ParseCIDRSloppy):
 * octets may have leading zeros and are decimal, and an IPv4 address inside IPv6 (`::ffff:1.2.3.4`) is an IPv4 address.
 */

export const ipFamilies = ['IPv4', 'IPv6'] as const;
export type IpFamily = (typeof ipFamilies)[number];

export interface IpAddress {
  readonly family: IpFamily;
  /** Four or sixteen octets. */
  readonly bytes: readonly number[];
  /** Canonical: `10.0.0.1`, `fd00::1` (RFC 5952). */
  readonly text: string;
}

/** A network, host bits cleared. */
export interface IpNetwork {
  readonly family: IpFamily;
  readonly bytes: readonly number[];
  readonly prefix: number;
  /** `10.0.0.0/8` */
  readonly text: string;
}

const CANONICAL_V4 =
  /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

/** @returns undefined when it is no address */
export function parseIp(text: string): IpAddress | undefined {
  if (!text.includes(':')) {
    const v4 = v4Bytes(text);
    return v4 && { family: 'IPv4', bytes: v4, text: CANONICAL_V4.test(text) ? text : v4.join('.') };
  }
  const bytes = v6Bytes(text);
  if (bytes === undefined) return undefined;
  if (isMapped(bytes)) return { family: 'IPv4', bytes: bytes.slice(12), text: bytes.slice(12).join('.') };
  return { family: 'IPv6', bytes, text: formatV6(bytes) };
}

/** As the API asks for it: no leading zeros, no IPv4 inside IPv6. */
export const isCanonicalFamily = (text: string, family: IpFamily): boolean =>
  family === 'IPv4' ? CANONICAL_V4.test(text) : text.includes(':') && parseIp(text)?.family === 'IPv6';

/** @returns undefined when it is no network */
export function parseNetwork(text: string): IpNetwork | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = text.slice(0, slash);
  const ip = parseIp(address);
  const length = text.slice(slash + 1);
  if (ip === undefined || !/^\d{1,4}$/.test(length)) return undefined;
  const wide = address.includes(':');
  if (Number(length) > (wide ? 128 : 32)) return undefined;
  const mapped = wide && ip.family === 'IPv4';
  const prefix = mapped ? Math.max(0, Number(length) - 96) : Number(length);
  const bytes = ip.bytes.map((b, i) => b & maskByte(prefix, i));
  return { family: ip.family, bytes, prefix, text: `${ip.family === 'IPv4' ? bytes.join('.') : formatV6(bytes)}/${prefix}` };
}

export const inNetwork = (ip: IpAddress, network: IpNetwork): boolean =>
  ip.family === network.family && network.bytes.every((b, i) => b === (ip.bytes[i]! & maskByte(network.prefix, i)));

export const isLoopbackIp = (ip: IpAddress): boolean => (ip.family === 'IPv4' ? ip.bytes[0] === 127 : ip.text === '::1');

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export const joinHostPort = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/** Of byte `i` of a mask with `prefix` ones. */
function maskByte(prefix: number, i: number): number {
  const ones = Math.min(8, Math.max(0, prefix - 8 * i));
  return (0xff00 >> ones) & 0xff;
}

function v4Bytes(text: string): number[] | undefined {
  const bytes: number[] = [];
  let value = -1;
  for (let i = 0; i <= text.length; i++) {
    const digit = i === text.length ? DOT : text.charCodeAt(i) - ZERO;
    if (digit >= 0 && digit <= 9) {
      value = value < 0 ? digit : 10 * value + digit;
      if (value > 255) return undefined;
    } else if (digit === DOT && value >= 0) {
      bytes.push(value);
      value = -1;
    } else {
      return undefined;
    }
  }
  return bytes.length === 4 ? bytes : undefined;
}
const ZERO = 0x30;
/** Counted from ZERO. */
const DOT = 0x2e - ZERO;

/** Sixteen octets, after RFC 4291, section 2.2. */
function v6Bytes(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = groupBytes(halves[0]!, halves.length === 1);
  const tail = halves.length === 2 ? groupBytes(halves[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

/** `a:b:c`, where the last group may be an IPv4 address. */
function groupBytes(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (group.includes('.')) {
      const v4 = last && i === groups.length - 1 ? v4Bytes(group) : undefined;
      if (v4 === undefined) return undefined;
      bytes.push(...v4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

const isMapped = (b: readonly number[]): boolean => b.slice(0, 10).every(v => v === 0) && b[10] === 0xff && b[11] === 0xff;

function formatV6(b: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, i) => (b[2 * i]! << 8) | b[2 * i + 1]!);
  let [best, length] = [-1, 1];
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > length) [best, length] = [i, n];
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map(g => g.toString(16))
      .join(':');
  return best < 0 ? hex(0, 8) : `${hex(0, best)}::${hex(best + length, 8)}`;
}

/**
 * Resource records (RFC 1035 section 3.2; AAAA RFC 3596, SRV RFC 2782). A type that has no form of its own here is carried as the bytes it
 * came with (RFC 3597).
 */
import { parseIp } from '../base/ip.ts';
import { setU16, setU32, u16, u32 } from './bytes.ts';
import { type Cursor, readName, writeName } from './dns-name.ts';

export const Type = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  DS: 43,
  HTTPS: 65,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

const typeNames = new Map<number, string>(Object.entries(Type).map(([name, code]) => [code, name]));
/** `A`, or `TYPE65280` for one without a name here (RFC 3597, section 5). */
export const typeName = (code: number): string => typeNames.get(code) ?? `TYPE${code}`;

export const Class = { IN: 1, CH: 3, HS: 4, ANY: 255 } as const;

export type RecordData =
  | { readonly type: 'A' | 'AAAA'; readonly address: string }
  | { readonly type: 'NS' | 'CNAME' | 'PTR'; readonly target: string }
  | { readonly type: 'MX'; readonly preference: number; readonly exchange: string }
  | { readonly type: 'TXT'; readonly texts: readonly string[] }
  | { readonly type: 'SRV'; readonly priority: number; readonly weight: number; readonly port: number; readonly target: string }
  | {
      readonly type: 'SOA';
      readonly mname: string;
      readonly rname: string;
      readonly serial: number;
      readonly refresh: number;
      readonly retry: number;
      readonly expire: number;
      readonly minimum: number;
    }
  | { readonly type: 'OTHER'; readonly code: number; readonly rdata: Uint8Array };

export type ResourceRecord = {
  readonly name: string;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
} & RecordData;

export const typeCode = (record: RecordData): number => (record.type === 'OTHER' ? record.code : Type[record.type]);

/** Type, class, TTL and length behind the name. */
export const FIXED_LEN = 10;

/** The record at the cursor. OPT comes as OTHER. A length that its data does not fill is a fault. */
export function readRecord(cursor: Cursor): ResourceRecord {
  const name = readName(cursor);
  const { bytes, at } = cursor;
  if (at + FIXED_LEN > bytes.length) return fault(cursor, 'cut');
  const code = u16(bytes, at);
  const end = at + FIXED_LEN + u16(bytes, at + 8);
  if (end > bytes.length) return fault(cursor, 'cut');
  cursor.at = at + FIXED_LEN;
  const data = readData(cursor, code, end);
  if (cursor.fault === undefined && cursor.at !== end) cursor.fault = 'rdata';
  return { name, class: u16(bytes, at + 2), ttl: u32(bytes, at + 4), ...data };
}

const NOTHING: ResourceRecord = { name: '.', class: 0, ttl: 0, type: 'OTHER', code: 0, rdata: new Uint8Array(0) };

function fault(cursor: Cursor, what: 'cut' | 'rdata'): ResourceRecord {
  cursor.fault ??= what;
  cursor.at = cursor.bytes.length;
  return NOTHING;
}

function readData(cursor: Cursor, code: number, end: number): RecordData {
  const { bytes } = cursor;
  const has = (n: number): boolean => end - cursor.at >= n || fault(cursor, 'rdata') !== NOTHING;
  const word = (): number => u16(bytes, take(cursor, 2));
  const long = (): number => u32(bytes, take(cursor, 4));
  // `slice` of a Buffer would be a view of a message that its receiver uses again
  const octets = (n: number): Uint8Array => new Uint8Array(bytes.subarray(take(cursor, n), cursor.at));
  switch (code) {
    case Type.A:
      return has(4) ? { type: 'A', address: octets(4).join('.') } : NOTHING;
    case Type.AAAA:
      return has(16) ? { type: 'AAAA', address: ipv6Text(octets(16)) } : NOTHING;
    case Type.NS:
      return { type: 'NS', target: readName(cursor) };
    case Type.CNAME:
      return { type: 'CNAME', target: readName(cursor) };
    case Type.PTR:
      return { type: 'PTR', target: readName(cursor) };
    case Type.MX:
      return has(2) ? { type: 'MX', preference: word(), exchange: readName(cursor) } : NOTHING;
    case Type.SRV:
      return has(6) ? { type: 'SRV', priority: word(), weight: word(), port: word(), target: readName(cursor) } : NOTHING;
    case Type.TXT:
      return { type: 'TXT', texts: readTexts(cursor, end) };
    case Type.SOA: {
      const names = { mname: readName(cursor), rname: readName(cursor) };
      if (!has(20)) return NOTHING;
      return { type: 'SOA', ...names, serial: long(), refresh: long(), retry: long(), expire: long(), minimum: long() };
    }
    default:
      return { type: 'OTHER', code, rdata: octets(end - cursor.at) };
  }
}

/** @returns where the bytes begin that the cursor has gone over */
function take(cursor: Cursor, n: number): number {
  cursor.at += n;
  return cursor.at - n;
}

/** Character strings, each with its length in front. Bytes as Latin-1, so that each comes back as it was. */
function readTexts(cursor: Cursor, end: number): string[] {
  const texts: string[] = [];
  while (cursor.at < end) {
    const next = cursor.at + 1 + cursor.bytes[cursor.at]!;
    if (next > end) {
      fault(cursor, 'rdata');
      break;
    }
    texts.push(Buffer.from(cursor.bytes.subarray(cursor.at + 1, next)).toString('latin1'));
    cursor.at = next;
  }
  return texts;
}

/** As RFC 5952 writes it. An IPv4 address inside keeps its `::ffff:`. */
function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => u16(bytes, 2 * i).toString(16)).join(':');
  const ip = parseIp(groups)!;
  return ip.family === 'IPv6' ? ip.text : `::ffff:${ip.text}`;
}

/** @param seen names written so far, for pointers @returns the next offset. The buffer has room. */
export function writeRecord(record: ResourceRecord, b: Uint8Array, at: number, seen: Map<string, number>): number {
  const fixed = writeName(record.name, b, at, seen);
  setU16(b, fixed, typeCode(record));
  setU16(b, fixed + 2, record.class);
  setU32(b, fixed + 4, record.ttl);
  const end = writeData(record, b, fixed + FIXED_LEN, seen);
  setU16(b, fixed + 8, end - fixed - FIXED_LEN);
  return end;
}

function writeData(data: RecordData, b: Uint8Array, at: number, seen: Map<string, number>): number {
  switch (data.type) {
    case 'A':
      return bytesAt(b, at, parseIp(data.address)!.bytes);
    case 'AAAA': {
      const { family, bytes } = parseIp(data.address)!;
      return bytesAt(b, at, family === 'IPv6' ? bytes : [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...bytes]);
    }
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return writeName(data.target, b, at, seen);
    case 'MX':
      setU16(b, at, data.preference);
      return writeName(data.exchange, b, at + 2, seen);
    case 'SRV':
      setU16(b, at, data.priority);
      setU16(b, at + 2, data.weight);
      setU16(b, at + 4, data.port);
      return writeName(data.target, b, at + 6); // the target is not compressed (RFC 2782)
    case 'TXT':
      for (const text of data.texts) {
        b[at] = text.length;
        at = bytesAt(b, at + 1, Buffer.from(text, 'latin1'));
      }
      return at;
    case 'SOA': {
      const next = writeName(data.rname, b, writeName(data.mname, b, at, seen), seen);
      for (const [i, value] of [data.serial, data.refresh, data.retry, data.expire, data.minimum].entries()) setU32(b, next + 4 * i, value);
      return next + 20;
    }
    case 'OTHER':
      return bytesAt(b, at, data.rdata);
  }
}

function bytesAt(b: Uint8Array, at: number, from: ArrayLike<number>): number {
  b.set(from, at);
  return at + from.length;
}

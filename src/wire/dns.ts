/**
 * DNS messages (RFC 1035, section 4.1; EDNS RFC 6891): object form alone, since no packet's path reads them.
 *
 *      0  ID                                     2  QR Opcode(4) AA TC RD  RA Z AD CD RCODE(4)
 *      4  questions   6  answers   8  authorities   10  additional records
 */
import { setU16, setU32, u16 } from './bytes.ts';
import { type Cursor, readName, writeName } from './dns-name.ts';
import { type ResourceRecord, readRecord, Type, writeRecord } from './dns-record.ts';

export const HEADER_LEN = 12;
/** Over UDP without EDNS (RFC 1035, section 4.2.1). */
export const PLAIN_UDP_BYTES = 512;
/** Over TCP a message has a length of 16 bits in front. */
export const MOST_BYTES = 65_535;

export const Opcode = { Query: 0, Notify: 4, Update: 5 } as const;
export const Rcode = { NoError: 0, FormErr: 1, ServFail: 2, NXDomain: 3, NotImp: 4, Refused: 5, BadVers: 16 } as const;

const rcodeNames = new Map<number, string>([
  [Rcode.NoError, 'NOERROR'],
  [Rcode.FormErr, 'FORMERR'],
  [Rcode.ServFail, 'SERVFAIL'],
  [Rcode.NXDomain, 'NXDOMAIN'],
  [Rcode.NotImp, 'NOTIMP'],
  [Rcode.Refused, 'REFUSED'],
  [Rcode.BadVers, 'BADVERS'],
]);
/** As dig shows it. */
export const rcodeName = (code: number): string => rcodeNames.get(code) ?? `RCODE${code}`;

const QR = 0x8000;
const AA = 0x0400;
const TC = 0x0200;
const RD = 0x0100;
const RA = 0x0080;
const AD = 0x0020;
const CD = 0x0010;

export interface Header {
  readonly id: number;
  readonly response: boolean;
  readonly opcode: number;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  readonly authenticData: boolean;
  readonly checkingDisabled: boolean;
  /** Twelve bits where there is EDNS, four otherwise. */
  readonly rcode: number;
}

export interface Question {
  readonly name: string;
  readonly type: number;
  readonly class: number;
}

/** What the OPT record holds beside the upper part of the rcode. */
export interface Edns {
  readonly udpSize: number;
  readonly version: number;
  readonly dnssecOk: boolean;
  readonly options: Uint8Array;
}

export interface Message extends Header {
  readonly questions: readonly Question[];
  readonly answers: readonly ResourceRecord[];
  readonly authorities: readonly ResourceRecord[];
  /** Without OPT. */
  readonly additionals: readonly ResourceRecord[];
  readonly edns?: Edns;
}

/** How many of each a message says it has. */
export interface Counts {
  readonly questions: number;
  readonly answers: number;
  readonly authorities: number;
  readonly additionals: number;
}

export type Fault = NonNullable<Cursor['fault']>;

/** @returns undefined when `b` is shorter than a header. */
export function decodeHeader(b: Uint8Array): (Header & { readonly counts: Counts }) | undefined {
  if (b.length < HEADER_LEN) return undefined;
  const flags = u16(b, 2);
  return {
    id: u16(b, 0),
    response: (flags & QR) !== 0,
    opcode: (flags >> 11) & 15,
    authoritative: (flags & AA) !== 0,
    truncated: (flags & TC) !== 0,
    recursionDesired: (flags & RD) !== 0,
    recursionAvailable: (flags & RA) !== 0,
    authenticData: (flags & AD) !== 0,
    checkingDisabled: (flags & CD) !== 0,
    rcode: flags & 15,
    counts: { questions: u16(b, 4), answers: u16(b, 6), authorities: u16(b, 8), additionals: u16(b, 10) },
  };
}

/** @returns the message, or what is wrong with it. Never throws. Bytes behind the last record are left alone. */
export function decode(b: Uint8Array): Message | Fault {
  const header = decodeHeader(b);
  if (header === undefined) return 'cut';
  const { counts, ...flags } = header;
  const cursor: Cursor = { bytes: b, at: HEADER_LEN };
  const questions = readMany(cursor, counts.questions, readQuestion);
  const answers = readMany(cursor, counts.answers, readRecord);
  const authorities = readMany(cursor, counts.authorities, readRecord);
  const additionals = readMany(cursor, counts.additionals, readRecord);
  if (cursor.fault !== undefined) return cursor.fault;
  const sections = { questions, answers, authorities, additionals: additionals.filter(record => !isOpt(record)) };
  const opts = additionals.filter(isOpt);
  if (opts.length === 0) return { ...flags, ...sections };
  const [opt] = opts;
  if (opts.length > 1 || opt!.name !== '.') return 'edns';
  return { ...flags, ...sections, rcode: flags.rcode | ((opt!.ttl >>> 24) << 4), edns: readEdns(opt!) };
}

/** Each takes bytes away, so a false count ends with the message. */
function readMany<T>(cursor: Cursor, count: number, read: (cursor: Cursor) => T): T[] {
  const found: T[] = [];
  for (let i = 0; i < count && cursor.fault === undefined; i++) found.push(read(cursor));
  return found;
}

function readQuestion(cursor: Cursor): Question {
  const name = readName(cursor);
  const { bytes, at } = cursor;
  if (at + 4 > bytes.length) {
    cursor.fault ??= 'cut';
    return { name, type: 0, class: 0 };
  }
  cursor.at = at + 4;
  return { name, type: u16(bytes, at), class: u16(bytes, at + 2) };
}

type Opt = Extract<ResourceRecord, { type: 'OTHER' }>;
const isOpt = (record: ResourceRecord): record is Opt => record.type === 'OTHER' && record.code === Type.OPT;

/** The class is the size, the TTL holds the upper rcode, the version and the flag DO (RFC 6891, section 6.1.3). */
const readEdns = ({ class: udpSize, ttl, rdata }: Opt): Edns => ({
  udpSize,
  version: (ttl >>> 16) & 255,
  dnssecOk: (ttl & 0x8000) !== 0,
  options: rdata,
});

/**
 * @param most bytes that the receiver takes. Records that go beyond, with all behind them, are left out and TC is set; OPT always stays.
 * Every name in it is one that `isName` takes.
 */
export function encode(m: Message, most = MOST_BYTES): Uint8Array {
  const b = scratch;
  const seen = new Map<string, number>();
  const room = Math.min(most, MOST_BYTES) - (m.edns === undefined ? 0 : 11 + m.edns.options.length);
  let at = HEADER_LEN;
  for (const question of m.questions) at = writeQuestion(question, b, at, seen);
  let { truncated } = m;
  const write = (records: readonly ResourceRecord[]): number => {
    let written = 0;
    for (const record of records) {
      const next: number = writeRecord(record, b, at, seen);
      truncated ||= next > room;
      if (truncated && next > room) break;
      at = next;
      written++;
    }
    return written;
  };
  const answers = write(m.answers);
  const authorities = answers < m.answers.length ? 0 : write(m.authorities);
  const additionals = authorities < m.authorities.length ? 0 : write(m.additionals);
  if (m.edns !== undefined) at = writeOpt(m.edns, m.rcode, b, at);
  setU16(b, 0, m.id);
  setU16(b, 2, flagsOf(m, truncated));
  const counts = [m.questions.length, answers, authorities, additionals + (m.edns === undefined ? 0 : 1)];
  for (const [i, count] of counts.entries()) setU16(b, 4 + 2 * i, count);
  return b.slice(0, at);
}

/** The record that goes beyond is written, too: it has at most a name and 64 KiB of data. */
const scratch = new Uint8Array(2 * MOST_BYTES + 1024);

const flagsOf = (m: Message, truncated: boolean): number =>
  (m.response ? QR : 0) |
  (m.opcode << 11) |
  (m.authoritative ? AA : 0) |
  (truncated ? TC : 0) |
  (m.recursionDesired ? RD : 0) |
  (m.recursionAvailable ? RA : 0) |
  (m.authenticData ? AD : 0) |
  (m.checkingDisabled ? CD : 0) |
  (m.rcode & 15);

function writeQuestion(q: Question, b: Uint8Array, at: number, seen: Map<string, number>): number {
  const next = writeName(q.name, b, at, seen);
  setU16(b, next, q.type);
  setU16(b, next + 2, q.class);
  return next + 4;
}

function writeOpt({ udpSize, version, dnssecOk, options }: Edns, rcode: number, b: Uint8Array, at: number): number {
  b[at] = 0;
  setU16(b, at + 1, Type.OPT);
  setU16(b, at + 3, udpSize);
  setU32(b, at + 5, ((rcode >> 4) << 24) | (version << 16) | (dnssecOk ? 0x8000 : 0));
  setU16(b, at + 9, options.length);
  b.set(options, at + 11);
  return at + 11 + options.length;
}

/**
 * Domain names (RFC 1035, sections 3.1 and 4.1.4). On the wire: labels with a length in front, ended by an empty one; two high bits set in a
 * length make it a pointer to an earlier name. As text: labels with a dot after each, `.` the root; a dot or backslash inside a label is
 * escaped by a backslash, and what is not printable ASCII as `\DDD` (section 5.1). Case is kept.
 */
import { setU16, u16 } from './bytes.ts';

/** With its lengths and the empty label at its end. */
export const MOST_BYTES = 255;
export const MOST_LABEL_BYTES = 63;
export const ROOT = '.';

const POINTER = 0xc0;
/** A pointer has 14 bits. */
const MOST_OFFSET = 0x3fff;
/** Each pointer of an honest name stands behind a label. */
const MOST_POINTERS = 126;

export const nameFaults = ['cut', 'label', 'long', 'pointer'] as const;
/** `cut`: the message ends inside. `label`: a length of the two kinds that nobody uses. `pointer`: one that does not point back. */
export type NameFault = (typeof nameFaults)[number];

/** Where a reader of a message stands. Its first fault stays, and everything that is read after it means nothing. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  fault?: NameFault | 'rdata' | 'edns';
}

/** The name at the cursor, which moves behind it. Each pointer must lead further back than the one before: so it ends. */
export function readName(cursor: Cursor): string {
  const { bytes } = cursor;
  let text = '';
  let length = 1;
  let at = cursor.at;
  let back = at;
  let pointers = 0;
  let end = -1;
  for (;;) {
    if (at >= bytes.length) return fail(cursor, 'cut');
    const n = bytes[at]!;
    if (n >= POINTER) {
      if (at + 2 > bytes.length) return fail(cursor, 'cut');
      const target = u16(bytes, at) & MOST_OFFSET;
      if (target >= back || ++pointers > MOST_POINTERS) return fail(cursor, 'pointer');
      if (end < 0) end = at + 2;
      at = back = target;
    } else if (n > MOST_LABEL_BYTES) {
      return fail(cursor, 'label');
    } else if (n === 0) {
      cursor.at = end < 0 ? at + 1 : end;
      return text === '' ? ROOT : text;
    } else {
      if (at + 1 + n > bytes.length) return fail(cursor, 'cut');
      length += 1 + n;
      if (length > MOST_BYTES) return fail(cursor, 'long');
      text += `${labelText(bytes, at + 1, at + 1 + n)}.`;
      at += 1 + n;
    }
  }
}

function fail(cursor: Cursor, fault: NameFault): string {
  cursor.fault ??= fault;
  cursor.at = cursor.bytes.length;
  return ROOT;
}

const DOT = 0x2e;
const BACKSLASH = 0x5c;

function labelText(bytes: Uint8Array, at: number, end: number): string {
  let text = '';
  for (let i = at; i < end; i++) {
    const c = bytes[i]!;
    if (c === DOT || c === BACKSLASH) text += `\\${String.fromCharCode(c)}`;
    else if (c <= 0x20 || c >= 0x7f) text += `\\${String(c).padStart(3, '0')}`;
    else text += String.fromCharCode(c);
  }
  return text;
}

/**
 * Write a name at `at`. @param seen offsets of the names written so far, by their text: the longest known end of this one becomes a pointer,
 * and what is new is added. Only names of the same case are the same here, so an answer keeps the case of its question. Absent: no pointers.
 * @returns the next offset. The name is one that `isName` takes, and the buffer has room.
 */
export function writeName(name: string, b: Uint8Array, at: number, seen?: Map<string, number>): number {
  for (let rest = name; rest !== ROOT && rest !== ''; ) {
    const known = seen?.get(rest);
    if (known !== undefined) {
      setU16(b, at, 0xc000 | known);
      return at + 2;
    }
    if (at <= MOST_OFFSET) seen?.set(rest, at);
    const dot = labelEnd(rest);
    const label = labelBytes(rest.slice(0, dot));
    b[at] = label.length;
    b.set(label, at + 1);
    at += 1 + label.length;
    rest = rest.slice(dot + 1);
  }
  b[at] = 0;
  return at + 1;
}

/** Index of the dot that ends the first label, or the length of the text. */
function labelEnd(name: string): number {
  for (let i = 0; i < name.length; i++) {
    if (name[i] === '\\') i += /^\d{3}/.test(name.slice(i + 1, i + 4)) ? 3 : 1;
    else if (name[i] === '.') return i;
  }
  return name.length;
}

function labelBytes(label: string): Uint8Array {
  const plain = label.replace(/\\(\d{3}|.)/g, (_, escaped: string) =>
    String.fromCharCode(escaped.length === 3 ? Number(escaped) : escaped.charCodeAt(0)),
  );
  return Buffer.from(plain, 'latin1');
}

/** From left to right, as they stand in the text. The root has none. */
export function labels(name: string): string[] {
  const found: string[] = [];
  for (let rest = name; rest !== ROOT && rest !== ''; ) {
    const dot = labelEnd(rest);
    found.push(rest.slice(0, dot));
    rest = rest.slice(dot + 1);
  }
  return found;
}

/** Can it be written? Every label has 1 to 63 bytes and all of it at most 255. */
export function isName(text: string): boolean {
  if (text === ROOT) return true;
  if (text === '' || /[^!-~]/.test(text)) return false;
  let length = 1;
  for (const label of labels(text)) {
    const { length: n } = labelBytes(label);
    if (n < 1 || n > MOST_LABEL_BYTES) return false;
    length += 1 + n;
  }
  return length <= MOST_BYTES;
}

/** With a dot at its end. */
export const absolute = (name: string): string => (name.endsWith('.') ? name : `${name}.`);

/** As names are compared: letters of ASCII alone have a case (RFC 4343). */
export const lower = (name: string): string => name.replace(/[A-Z]+/g, letters => letters.toLowerCase());

/** Is it the zone, or below it? @param zone in lower case */
export function isWithin(name: string, zone: string): boolean {
  const small = lower(name);
  if (zone === ROOT || small === zone) return true;
  // the dot in front of the zone ends a label unless it is escaped: an odd number of backslashes stands before it
  return small.endsWith(`.${zone}`) && !/(?<!\\)(?:\\\\)*\\$/.test(small.slice(0, -zone.length - 1));
}

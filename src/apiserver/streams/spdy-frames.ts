/** Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00), as much as port forwarding needs. */

export const TYPE = { synStream: 1, synReply: 2, rstStream: 3, settings: 4, ping: 6, goAway: 7, headers: 8, windowUpdate: 9 } as const;
export const FLAG_FIN = 1;
export const HEADER_LEN = 8;
const VERSION = 3;

export interface Frame {
  /** Of a control frame; 0: data. */
  readonly type: number;
  readonly streamId: number;
  readonly flags: number;
  readonly payload: Buffer;
}

/** @returns undefined while it is not whole. @throws RangeError when it is longer than `most` */
export function readFrame(b: Buffer, most: number): { frame: Frame; length: number } | undefined {
  if (b.length < HEADER_LEN) return undefined;
  const [first, flags, length] = [b.readUInt32BE(0), b[4]!, b.readUIntBE(5, 3)];
  if (length > most) throw new RangeError(`a frame of ${length} bytes`);
  if (b.length < HEADER_LEN + length) return undefined;
  const payload = b.subarray(HEADER_LEN, HEADER_LEN + length);
  const isControl = first >= 0x80000000;
  const streamId = isControl ? (payload.length >= 4 ? payload.readUInt32BE(0) & 0x7fffffff : 0) : first;
  return { frame: { type: isControl ? first & 0xffff : 0, streamId, flags, payload }, length: HEADER_LEN + length };
}

function frameBytes(first: number, flags: number, payload: Uint8Array): Buffer {
  const b = Buffer.allocUnsafe(HEADER_LEN + payload.length);
  b.writeUInt32BE(first, 0);
  b[4] = flags;
  b.writeUIntBE(payload.length, 5, 3);
  b.set(payload, HEADER_LEN);
  return b;
}
export const dataFrame = (streamId: number, payload: Uint8Array, isLast = false): Buffer =>
  frameBytes(streamId, isLast ? FLAG_FIN : 0, payload);
export const controlFrame = (type: number, payload: Uint8Array): Buffer =>
  frameBytes((0x80000000 | (VERSION << 16) | type) >>> 0, 0, payload);

/**
 * An answer without headers. Its block is part of one zlib stream for the whole connection: stored, so that nothing has to be compressed, and ended by an
 * empty block, by which the other side knows that it need not wait for more.
 */
export function synReply(streamId: number, isFirst: boolean): Buffer {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(streamId, 0);
  const stored = Buffer.from([0x00, 0x04, 0x00, 0xfb, 0xff, 0, 0, 0, 0, 0x00, 0x00, 0x00, 0xff, 0xff]);
  return controlFrame(TYPE.synReply, Buffer.concat([id, isFirst ? Buffer.from([0x78, 0x01]) : Buffer.alloc(0), stored]));
}

/** Pairs of names and values (section 2.6.10). Nothing for a block that is not whole. */
export function readHeaders(b: Buffer): Map<string, string> {
  const headers = new Map<string, string>();
  let at = 4;
  const next = (): string | undefined => {
    if (at + 4 > b.length) return undefined;
    const length = b.readUInt32BE(at);
    at += 4 + length;
    return at > b.length ? undefined : b.toString('utf8', at - length, at);
  };
  for (let left = b.length < 4 ? 0 : b.readUInt32BE(0); left > 0; left--) {
    const [name, value] = [next(), next()];
    if (name === undefined || value === undefined) break;
    headers.set(name.toLowerCase(), value);
  }
  return headers;
}

/** What both sides take as said before the first block (section 2.6.10.1): words with their length, then words alone. */
const WORDS =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control connection ' +
  'content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect expires from host if-match ' +
  'if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer retry-after ' +
  'server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin';
const ENDING =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content301 Moved Permanently' +
  '400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct ' +
  'Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,' +
  'text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.';

export const dictionary = Buffer.concat([
  ...WORDS.split(' ').map(word => {
    const text = Buffer.from(word.replace('_', ' '));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length, 0);
    return Buffer.concat([length, text]);
  }),
  Buffer.from(ENDING),
]);

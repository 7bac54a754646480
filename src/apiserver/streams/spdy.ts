/** A SPDY/3.1 connection, the server's side: streams that the client opens, each a duplex. Windows are not kept: neither side of kubectl does. */
import { Duplex } from 'node:stream';
import { constants, createInflate } from 'node:zlib';
import { controlFrame, dataFrame, dictionary, FLAG_FIN, type Frame, readFrame, readHeaders, synReply, TYPE } from './spdy-frames.ts';

const MOST_FRAME_BYTES = 1 << 20;
const MOST_STREAMS = 1024;
const MOST_HEADER_BYTES = 64 << 10;

export interface SpdyTransport {
  /** @returns false while the other side is behind */
  send(bytes: Buffer): boolean;
  close(): void;
}

export class SpdyStream extends Duplex {
  readonly headers: ReadonlyMap<string, string>;
  readonly #send: (payload: Uint8Array, isLast: boolean, taken: () => void) => void;
  constructor(headers: ReadonlyMap<string, string>, send: (payload: Uint8Array, isLast: boolean, taken: () => void) => void) {
    super({ allowHalfOpen: true });
    this.headers = headers;
    this.#send = send;
  }
  override _read(): void {}
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.#send(chunk, false, done);
  }
  override _final(done: () => void): void {
    this.#send(Buffer.alloc(0), true, done);
  }
}

export class SpdySession {
  readonly #transport: SpdyTransport;
  readonly #onStream: (stream: SpdyStream) => void;
  readonly #streams = new Map<number, SpdyStream>();
  readonly #inflate = createInflate({ dictionary, flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH });
  #unread: Buffer = Buffer.alloc(0);
  #isReading = false;
  #hasReplied = false;
  #isClosed = false;
  #whenTaken: (() => void)[] = [];

  constructor(transport: SpdyTransport, onStream: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#onStream = onStream;
    this.#inflate.on('error', () => this.close());
  }

  receive(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    if (!this.#isReading) void this.#read();
  }
  /** The other side has taken what was sent. */
  drained(): void {
    for (const taken of this.#whenTaken.splice(0)) taken();
  }
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const stream of this.#streams.values()) stream.destroy();
    this.#streams.clear();
    this.#inflate.destroy();
    this.#transport.close();
  }

  /** One frame after another: headers are inflated in the order in which they came. */
  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      for (
        let read = readFrame(this.#unread, MOST_FRAME_BYTES);
        read !== undefined && !this.#isClosed;
        read = readFrame(this.#unread, MOST_FRAME_BYTES)
      ) {
        this.#unread = this.#unread.subarray(read.length);
        await this.#take(read.frame);
      }
    } catch {
      this.close();
    } finally {
      this.#isReading = false;
    }
  }

  async #take({ type, streamId, flags, payload }: Frame): Promise<void> {
    const stream = this.#streams.get(streamId);
    switch (type) {
      case 0:
        if (payload.length > 0) stream?.push(payload);
        break;
      case TYPE.synStream:
        await this.#open(streamId, payload);
        break;
      case TYPE.headers:
        await this.#headers(payload.subarray(4));
        break;
      case TYPE.rstStream:
        this.#streams.delete(streamId);
        stream?.destroy();
        break;
      case TYPE.ping:
        this.#transport.send(controlFrame(TYPE.ping, payload));
        break;
      case TYPE.goAway:
        break;
      default:
    }
    if ((flags & FLAG_FIN) !== 0 && (type === 0 || type === TYPE.synStream || type === TYPE.headers))
      this.#streams.get(streamId)?.push(null);
  }

  async #open(id: number, payload: Buffer): Promise<void> {
    const headers = await this.#headers(payload.subarray(10));
    if (this.#streams.size >= MOST_STREAMS) throw new RangeError('too many streams');
    const stream = new SpdyStream(headers, (bytes, isLast, taken) => {
      if (this.#isClosed || this.#transport.send(dataFrame(id, bytes, isLast))) taken();
      else this.#whenTaken.push(taken);
    });
    stream.on('error', () => stream.destroy());
    stream.on('close', () => this.#streams.delete(id));
    this.#streams.set(id, stream);
    this.#transport.send(synReply(id, !this.#hasReplied));
    this.#hasReplied = true;
    this.#onStream(stream);
  }

  #headers(block: Buffer): Promise<Map<string, string>> {
    if (block.length > MOST_HEADER_BYTES) throw new RangeError('headers that are too long');
    return new Promise((resolve, reject) => {
      this.#inflate.write(block, error => {
        if (error) reject(error);
        else resolve(readHeaders((this.#inflate.read() as Buffer | null) ?? Buffer.alloc(0)));
      });
    });
  }
}

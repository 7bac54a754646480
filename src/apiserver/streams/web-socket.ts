/** A WebSocket, the server's side (RFC 6455): its handshake, and messages over a socket. Bounded: a client that sends too much at once is cut. */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { badRequest } from '../../cluster/store/status.ts';

const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;
const MOST_MESSAGE_BYTES = 1 << 20;
const MOST_CONTROL_BYTES = 125;
/** Section 7.4.1. */
export const CLOSE = { normal: 1000, protocolError: 1002, tooBig: 1009 } as const;
/** Section 1.3. */
const KEY_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * The answer that makes the connection a WebSocket.
 *
 * @param spoken subprotocols, the best first @returns the answer's bytes and the one that was chosen
 * @throws ApiError when it is no WebSocket handshake, or no subprotocol is spoken by both
 */
export function handshake({ headers }: IncomingMessage, spoken: readonly string[]): { answer: string; protocol: string } {
  const key = headers['sec-websocket-key'];
  if (headers.upgrade?.toLowerCase() !== 'websocket' || key === undefined || headers['sec-websocket-version'] !== '13')
    throw badRequest('unable to upgrade: this is no WebSocket handshake of version 13');
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim());
  const protocol = spoken.find(name => offered.includes(name));
  if (protocol === undefined)
    throw badRequest(
      `unable to upgrade: none of the subprotocols ${JSON.stringify(offered)} is spoken here, but ${JSON.stringify(spoken)}`,
    );
  const accept = createHash('sha1')
    .update(key + KEY_SUFFIX)
    .digest('base64');
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
    `Sec-WebSocket-Protocol: ${protocol}`,
  ];
  return { answer: `${lines.join('\r\n')}\r\n\r\n`, protocol };
}

export interface WebSocketEvents {
  message(data: Buffer): void;
  /** The connection is over, however it ended. Called once. */
  closed(): void;
}

export class WebSocket {
  readonly #socket: Duplex;
  readonly #events: WebSocketEvents;
  #unread: Buffer;
  #parts: Buffer[] = [];
  #partsBytes = 0;
  #isClosing = false;

  /** @param head what came already */
  constructor(socket: Duplex, head: Buffer, events: WebSocketEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#unread = head;
    socket.on('data', (chunk: Buffer) => {
      this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
      this.#read();
    });
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    let isOver = false;
    socket.on('close', () => {
      if (!isOver) events.closed();
      isOver = true;
    });
    if (head.length > 0) queueMicrotask(() => this.#read());
  }

  /** Bytes that the client has not taken yet. */
  get waiting(): number {
    return this.#socket.writableLength;
  }
  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener);
  }
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    this.#socket.resume();
  }

  /** One binary message. @returns false while the client is behind */
  send(...parts: readonly Uint8Array[]): boolean {
    if (this.#isClosing) return true;
    return this.#frame(OPCODE.binary, Buffer.concat(parts));
  }

  close(code: number = CLOSE.normal): void {
    if (this.#isClosing) return;
    this.#frame(OPCODE.close, Buffer.from([code >> 8, code & 0xff]));
    this.#isClosing = true;
    this.#socket.end();
  }

  #frame(opcode: number, payload: Buffer): boolean {
    const { length } = payload;
    const extended = length < 126 ? 0 : length < 0x10000 ? 2 : 8;
    const header = Buffer.alloc(2 + extended);
    header[0] = 0x80 | opcode;
    header[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
    if (extended === 2) header.writeUInt16BE(length, 2);
    if (extended === 8) header.writeBigUInt64BE(BigInt(length), 2);
    return this.#socket.write(Buffer.concat([header, payload]));
  }

  #read(): void {
    while (!this.#isClosing) {
      const b = this.#unread;
      if (b.length < 2) return;
      const [final, opcode, short] = [(b[0]! & 0x80) !== 0, b[0]! & 0x0f, b[1]! & 0x7f];
      // What a client sends is masked; extensions were not agreed on (sections 5.1, 5.2).
      if ((b[1]! & 0x80) === 0 || (b[0]! & 0x70) !== 0) {
        this.close(CLOSE.protocolError);
        return;
      }
      const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
      if (b.length < 2 + extended) return;
      const length = extended === 0 ? short : extended === 2 ? b.readUInt16BE(2) : Number(b.readBigUInt64BE(2));
      if (length + this.#partsBytes > MOST_MESSAGE_BYTES) {
        this.close(CLOSE.tooBig);
        return;
      }
      const start = 2 + extended + 4;
      if (b.length < start + length) return;
      const payload = unmask(b.subarray(start, start + length), b.subarray(start - 4, start));
      this.#unread = b.subarray(start + length);
      this.#take(opcode, final, payload);
    }
  }

  #take(opcode: number, final: boolean, payload: Buffer): void {
    if (opcode >= OPCODE.close) {
      if (!final || payload.length > MOST_CONTROL_BYTES) this.close(CLOSE.protocolError);
      else if (opcode === OPCODE.ping) this.#frame(OPCODE.pong, payload);
      else if (opcode === OPCODE.close) this.close();
      return;
    }
    if (opcode > OPCODE.binary || (opcode === OPCODE.continuation) !== this.#parts.length > 0) {
      this.close(CLOSE.protocolError);
      return;
    }
    this.#parts.push(payload);
    this.#partsBytes += payload.length;
    if (!final) return;
    const message = this.#parts.length === 1 ? payload : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#partsBytes = 0;
    this.#events.message(message);
  }
}

function unmask(bytes: Buffer, mask: Buffer): Buffer {
  const plain = Buffer.allocUnsafe(bytes.length);
  for (let i = 0; i < bytes.length; i++) plain[i] = bytes[i]! ^ mask[i & 3]!;
  return plain;
}

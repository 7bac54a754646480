/** DNS over TCP: each message has its length in front, 16 bits (RFC 1035 section 4.2.2, RFC 7766). */
import { setU16, u16 } from '../wire/bytes.ts';

export function framed(message: Uint8Array): Uint8Array {
  const b = new Uint8Array(2 + message.length);
  setU16(b, 0, message.length);
  b.set(message, 2);
  return b;
}

/** Takes what a connection brings, however it is cut, and hands on whole messages. Holds at most one unfinished message: 64 KiB. */
export class FrameReader {
  readonly #take: (message: Uint8Array) => void;
  #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(take: (message: Uint8Array) => void) {
    this.#take = take;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < 2 || this.#length < this.#needed()) return;
    let all = Buffer.concat(this.#chunks);
    while (all.length >= 2 && all.length >= 2 + u16(all, 0)) {
      const end = 2 + u16(all, 0);
      this.#take(all.subarray(2, end));
      all = all.subarray(end);
    }
    this.#chunks = all.length === 0 ? [] : [all];
    this.#length = all.length;
  }

  /** Bytes of the first message, with its length. The length itself may come in two chunks. */
  #needed(): number {
    const [first] = this.#chunks;
    if (first!.length < 2) this.#chunks = [Buffer.concat(this.#chunks)];
    return 2 + u16(this.#chunks[0]!, 0);
  }
}

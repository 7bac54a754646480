/** What NAT made of the newest connection: the next one to the same address and port is likely to become the same. */
import { DST, ENTRY, KEY, PORTS, REPLY, SRC } from './layout.ts';
import type { Table } from './table.ts';

export class Newest {
  #dst = 0;
  #port = -1;
  #replySrc = 0;
  #replyPort = 0;

  /** Entry `i` has been confirmed. A connection whose source changes says nothing about others. */
  note({ words }: Table, i: number): void {
    const b = i * ENTRY;
    if (words[b + SRC] !== words[b + REPLY + DST] || words[b + PORTS]! >>> 16 !== (words[b + REPLY + PORTS]! & 0xffff)) return;
    this.#dst = words[b + DST]!;
    this.#port = (words[b + PORTS]! & 0xffff) | ((words[b + KEY]! & 0xff) << 16);
    this.#replySrc = words[b + REPLY + SRC]!;
    this.#replyPort = words[b + REPLY + PORTS]! & 0xffff_0000;
  }

  /** Hash of the answers to a packet with this tuple, if it goes the same way: a guess. 0 when there is none. */
  replyHash(table: Table, src: number, dst: number, ports: number, proto: number): number {
    if (dst !== this.#dst || ((ports & 0xffff) | (proto << 16)) !== this.#port) return 0;
    return table.hash(this.#replySrc, src, this.#replyPort | (ports >>> 16), proto);
  }
}

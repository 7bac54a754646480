/**
 * A tuple that nobody had when it was looked for. The first packet of a connection asks for its two tuples again and again: when its entry is made, when NAT
 * chooses at either side, and when it is confirmed. As long as nothing was put into the table, the answer is the same.
 */
import type { Table } from './table.ts';

export class Absent {
  #src = 0;
  #dst = 0;
  #ports = 0;
  #key = 0;
  /** `Table.inserted` at that moment. */
  #inserted = -1;
  /** Of the tuple. */
  hash = 0;

  /** `Table.find` has not found it. Ports and key as it was asked. */
  note(table: Table, src: number, dst: number, ports: number, key: number, hash: number): void {
    this.#src = src;
    this.#dst = dst;
    this.#ports = ports;
    this.#key = key;
    this.#inserted = table.inserted;
    this.hash = hash;
  }

  /** Is it known that nobody has this tuple? */
  is(table: Table, src: number, dst: number, ports: number, key: number): boolean {
    return this.#inserted === table.inserted && this.#src === src && this.#dst === dst && this.#ports === ports && this.#key === key;
  }
}

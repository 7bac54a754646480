/**
 * Where fragments wait: blocks of 2 KiB in one memory made at the start, fragments and queues as rows of typed arrays. Holds what it
 * is given and knows nothing of IP's rules, which are in `fragments.ts`.
 */

const BLOCK = 2048;
/** Room for the header of a queue's first fragment, link header included. */
export const HEAD_ROOM = 96;
const MAX_DATAGRAM = 65_536;

/** A list of free rows. */
class Rows {
  readonly #next: Int32Array;
  #free = 0;
  used = 0;
  constructor(size: number) {
    this.#next = Int32Array.from({ length: size }, (_, i) => (i + 1 < size ? i + 1 : -1));
  }
  take(): number {
    const row = this.#free;
    if (row < 0) return -1;
    this.#free = this.#next[row]!;
    this.used++;
    return row;
  }
  give(row: number): void {
    this.#next[row] = this.#free;
    this.#free = row;
    this.used--;
  }
}

export class FragmentStore {
  readonly heads: Uint8Array;
  readonly #bytes: Uint8Array;
  readonly #blocks: Rows;
  readonly #fragments: Rows;
  readonly #queues: Rows;
  readonly #nextBlock: Int32Array;

  /** By fragment: place in the datagram, bytes, first block, next fragment by offset. */
  readonly offset: Int32Array;
  readonly length: Int32Array;
  readonly #block: Int32Array;
  readonly next: Int32Array;
  /** Of a fragment that begins a run (fragments that came one behind the other): where the run ends, and the next run. */
  readonly runEnd: Int32Array;
  readonly nextRun: Int32Array;
  /** Last fragment of the run. */
  readonly runTail: Int32Array;

  /** @param limit bytes of fragments; one largest datagram more can be held */
  constructor(limit: number) {
    const blocks = Math.ceil((limit + MAX_DATAGRAM) / BLOCK);
    this.#bytes = new Uint8Array(blocks * BLOCK);
    this.heads = new Uint8Array(blocks * HEAD_ROOM);
    this.#blocks = new Rows(blocks);
    this.#fragments = new Rows(blocks);
    this.#queues = new Rows(blocks);
    this.#nextBlock = new Int32Array(blocks);
    this.offset = new Int32Array(blocks);
    this.length = new Int32Array(blocks);
    this.#block = new Int32Array(blocks);
    this.next = new Int32Array(blocks);
    this.runEnd = new Int32Array(blocks);
    this.nextRun = new Int32Array(blocks);
    this.runTail = new Int32Array(blocks);
  }

  /** How many queues there can be. */
  get size(): number {
    return this.#nextBlock.length;
  }
  /** Bytes of memory in use, in whole blocks. */
  get used(): number {
    return this.#blocks.used * BLOCK;
  }
  takeQueue(): number {
    return this.#queues.take();
  }
  giveQueue(q: number): void {
    this.#queues.give(q);
  }

  /** Keeps `b[at, at + length)` as a fragment. @returns its row, -1 when there is no memory. */
  keep(b: Uint8Array, at: number, offset: number, length: number): number {
    const f = this.#fragments.take();
    if (f < 0) return -1;
    this.offset[f] = offset;
    this.length[f] = length;
    this.next[f] = -1;
    let last = -1;
    for (let done = 0; done < length; done += BLOCK) {
      const block = this.#blocks.take();
      if (block < 0) {
        this.drop(f);
        return -1;
      }
      this.#nextBlock[block] = -1;
      if (last < 0) this.#block[f] = block;
      else this.#nextBlock[last] = block;
      last = block;
      const n = Math.min(BLOCK, length - done);
      const to = block * BLOCK;
      for (let i = 0; i < n; i++) this.#bytes[to + i] = b[at + done + i]!;
    }
    return f;
  }

  copyOut(f: number, to: Uint8Array, at: number): void {
    let block = this.#block[f]!;
    for (let done = 0; done < this.length[f]!; done += BLOCK) {
      const n = Math.min(BLOCK, this.length[f]! - done);
      const from = block * BLOCK;
      for (let i = 0; i < n; i++) to[at + done + i] = this.#bytes[from + i]!;
      block = this.#nextBlock[block]!;
    }
  }

  drop(f: number): void {
    let block = this.#block[f]!;
    for (let done = 0; done < this.length[f]! && block >= 0; done += BLOCK) {
      const next = this.#nextBlock[block]!;
      this.#blocks.give(block);
      block = next;
    }
    this.#fragments.give(f);
  }
}

/**
 * Events for `conntrack -E` (IPCT_*), in a ring of fixed size that is there only while somebody listens. A record is a copy of the
 * entry's words at the moment of delivery; when the ring is full the oldest is lost and counted, as a netlink socket overruns.
 */
import type { Core } from './core.ts';
import { ENTRY, KEY, KEY_ACCT, KEY_TSTAMP, STATUS } from './layout.ts';
import { Ips } from './status.ts';

/** Bits of IPCT_*. */
export const Event = { New: 1, Related: 2, Destroy: 4, Reply: 8, Assured: 16, ProtoInfo: 32, Mark: 128 } as const;

/** Words of a record: 16 of the entry, event bits, seconds left, id. */
export const RECORD_WORDS = 19;
const BITS = 16;
const LEFT_S = 17;
const ID = 18;
/** Numbers of a record: packets and bytes of both directions, start and stop, the moment itself (ms since 1970). */
export const RECORD_NUMBERS = 7;

export interface EventRecord {
  /** The entry's words words (`layout.ts`). */
  words: Int32Array;
  bits: number;
  secondsLeft: number;
  id: number;
  packets: [number, number];
  bytes: [number, number];
  startedMs: number;
  stoppedMs: number;
  atMs: number;
}

export class EventRing {
  /** Records that were overwritten before anybody read them. */
  lost = 0;
  readonly size: number;
  readonly #words: Int32Array;
  readonly #numbers: Float64Array;
  /** Events noted for an entry and not delivered yet, by entry (`nf_conntrack_ecache`). */
  readonly #pending: Uint8Array;
  #head = 0;
  #waiting = 0;

  constructor(size: number, capacity: number) {
    this.size = size;
    this.#words = new Int32Array(size * RECORD_WORDS);
    this.#numbers = new Float64Array(size * RECORD_NUMBERS);
    this.#pending = new Uint8Array(capacity);
  }

  /** `nf_conntrack_event_cache`: told when the packet has left. */
  note(i: number, event: number): void {
    this.#pending[i]! |= event;
  }

  forget(i: number): void {
    this.#pending[i] = 0;
  }

  /** `nf_ct_deliver_cached_events`: one record for all that was noted for a confirmed entry. */
  flush(core: Core, i: number): void {
    const bits = this.#pending[i]!;
    if (bits === 0) return;
    const status = core.table.words[i * ENTRY + STATUS]!;
    if ((status & (Ips.Confirmed | Ips.Dying)) !== Ips.Confirmed) return;
    this.#pending[i] = 0;
    this.deliver(core, i, bits);
  }

  deliver(core: Core, i: number, bits: number): void {
    const slot = (this.#head + this.#waiting) % this.size;
    if (this.#waiting === this.size) {
      this.lost++;
      this.#head = (this.#head + 1) % this.size;
    } else {
      this.#waiting++;
    }
    const w = slot * RECORD_WORDS;
    const b = i * ENTRY;
    for (let n = 0; n < 16; n++) this.#words[w + n] = core.table.words[b + n]!;
    this.#words[w + BITS] = bits;
    this.#words[w + LEFT_S] = Math.floor(core.expiresMs(i) / 1000);
    this.#words[w + ID] = core.idOf(i);
    const key = core.table.words[b + KEY]!;
    const n = slot * RECORD_NUMBERS;
    const acct = (key & KEY_ACCT) !== 0;
    const { packets, bytes, started, stopped } = core.accounting;
    this.#numbers[n] = acct ? packets[i << 1]! : 0;
    this.#numbers[n + 1] = acct ? bytes[i << 1]! : 0;
    this.#numbers[n + 2] = acct ? packets[(i << 1) | 1]! : 0;
    this.#numbers[n + 3] = acct ? bytes[(i << 1) | 1]! : 0;
    const stamped = (key & KEY_TSTAMP) !== 0;
    this.#numbers[n + 4] = stamped ? started[i]! : 0;
    this.#numbers[n + 5] = stamped ? stopped[i]! : 0;
    this.#numbers[n + 6] = core.wallClock();
  }

  /** The oldest record, taken out; undefined when there is none. Cold side: allocates. */
  take(): EventRecord | undefined {
    if (this.#waiting === 0) return undefined;
    const w = this.#head * RECORD_WORDS;
    const n = this.#head * RECORD_NUMBERS;
    const words = this.#words.slice(w, w + RECORD_WORDS);
    const x = this.#numbers.slice(n, n + RECORD_NUMBERS);
    this.#head = (this.#head + 1) % this.size;
    this.#waiting--;
    return {
      words: words.slice(0, 16),
      bits: words[BITS]!,
      secondsLeft: words[LEFT_S]!,
      id: words[ID]! >>> 0,
      packets: [x[0]!, x[2]!],
      bytes: [x[1]!, x[3]!],
      startedMs: x[4]!,
      stoppedMs: x[5]!,
      atMs: x[6]!,
    };
  }
}

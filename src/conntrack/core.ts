/**
 * What every part of conntrack works on: the table, the time, the switches, the counters; and the life of an entry: create, refresh,
 * delete, free.
 *
 * Time stands still between two calls of `tick`: a router calls it once per batch (through `Conntrack.sweep`), so that a packet costs
 * no clock.
 */
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Packet } from '../packet/packet.ts';
import { Absent } from './absent.ts';
import { Accounting } from './accounting.ts';
import { Event, type EventRing } from './events.ts';
import { Held } from './held.ts';
import {
  ENTRY,
  EXPIRES,
  IPS_BITS,
  KEY,
  KEY_ACCT,
  KEY_TSTAMP,
  KEY_ZONE_SHIFT,
  LINK,
  MARK,
  type PORTS,
  REPLY,
  type SRC,
  STATUS,
  zoneOf,
} from './layout.ts';
import { BySource } from './nat/by-source.ts';
import { Newest } from './newest.ts';
import { Invalid, invalidNames, Statistics } from './statistics.ts';
import { Ips } from './status.ts';
import { Sysctl } from './sysctl.ts';
import { NEVER, Table } from './table.ts';
import { invertPorts, type Tuple } from './tuple.ts';

/** Moments are int32 milliseconds since `epoch`; past this the epoch is moved up. */
const REBASE_MS = 0x3fff_ffff;
const EVICTION_RANGE = 8;
/** As `net_ratelimit`: a table that stays full is told once. */
const QUIET_MS = 5000;

export interface CoreOptions {
  clock: Clock;
  random: Random;
  /** Entries that there is memory for. `nf_conntrack_max` may be lower. */
  capacity: number;
  /** Milliseconds since 1970 for timestamps; by default those of the clock. */
  wallClock?: () => number;
  /** Called with the kernel's words when a packet is dropped because the table is full, and none was for `QUIET_MS` before it. */
  onFull?: (message: string) => void;
}

export class Core {
  readonly table: Table;
  /** Of the first packet in hand: its own tuple, and the last answer's tuple that NAT has asked for. */
  readonly absentOriginal = new Absent();
  readonly absentReply = new Absent();
  readonly newest = new Newest();
  readonly bySource: BySource;
  readonly sysctl: Sysctl;
  readonly stats = new Statistics();
  /** Packets found invalid, by `Invalid`. */
  readonly invalid = new Float64Array(invalidNames.length);
  /** Why the last packet was found invalid or odd: for the tracer. */
  lastInvalid: Invalid = Invalid.None;
  readonly random: Random;
  readonly accounting: Accounting;
  readonly wallClock: () => number;
  events: EventRing | null = null;
  /** Now, in ms since the epoch of the table. */
  now = 0;
  readonly #clock: Clock;
  readonly #onFull: (message: string) => void;
  #epoch: number;
  #dying = -1;
  readonly #held = new Held();
  /** When a packet was last dropped because the table was full. */
  #fullAt = Number.NEGATIVE_INFINITY;
  #sweepAt = 0;
  /** Nothing is due before this; and what the round of the sweep that is under way has found. */
  #earliest = NEVER;
  #found = NEVER;

  constructor(options: CoreOptions) {
    this.random = options.random;
    this.table = new Table(options.capacity, options.random);
    this.bySource = new BySource(this.table);
    this.sysctl = new Sysctl(() => this.table.count);
    this.sysctl.max = options.capacity;
    this.sysctl.buckets = options.capacity;
    this.accounting = new Accounting(options.capacity);
    this.#clock = options.clock;
    this.#epoch = Math.floor(options.clock.nowMs());
    this.wallClock = options.wallClock ?? (() => options.clock.nowMs());
    this.#onFull = options.onFull ?? (() => {});
  }

  /** Reads the clock. @returns milliseconds since the last time. */
  tick(): number {
    const now = Math.floor(this.#clock.nowMs()) - this.#epoch;
    const elapsed = now - this.now;
    if (now > REBASE_MS) this.#rebase(now);
    else this.now = now;
    return elapsed;
  }

  /**
   * Deletes what is due and frees what was deleted before. Looks at no more than `budget` entries, and at none while nothing is due.
   * @returns true when the round is complete: everything that was due when it began is gone.
   */
  sweep(budget: number): boolean {
    this.#reap();
    if (this.now < this.#earliest) return true;
    const done = this.#sweep(budget);
    this.#reap();
    return done;
  }

  #sweep(budget: number): boolean {
    const { deadline, words } = this.table;
    const end = Math.min(this.table.touched, this.#sweepAt + budget);
    const now = this.now;
    let found = this.#found;
    let i = this.#sweepAt;
    for (; i < end; i++) {
      let due = deadline[i]!;
      if (due <= now) {
        due = words[i * ENTRY + EXPIRES]!;
        if (due <= now) {
          this.kill(i);
          continue;
        }
        deadline[i] = due; // it was refreshed since
      }
      if (due < found) found = due;
    }
    this.#found = found;
    this.#sweepAt = i;
    if (i < this.table.touched) return false;
    this.#sweepAt = 0;
    this.#earliest = found;
    this.#found = NEVER;
    return true;
  }

  /** Deletes all that is due, whatever the number. */
  sweepAll(): void {
    while (!this.sweep(this.table.capacity));
    // A round that was under way before the clock jumped has not seen the entries that it had behind it.
    while (this.now >= this.#earliest && !this.sweep(this.table.capacity));
  }

  /**
   * A new entry for a tuple, not in the hash yet (`init_conntrack`).
   * @param zone id | directions << 16
   * @returns -1 when the tuple has no inverse, -2 when the table is full.
   */
  create(tuple: Tuple, zone: number, hash: number): number {
    const replyPorts = invertPorts(tuple.ports, tuple.proto);
    if (replyPorts === -1 && tuple.proto === 1) return -1;
    const table = this.table;
    if (table.count >= this.#limit && !this.#earlyDrop(hash)) return this.#tableFull();
    let i = table.allocate();
    if (i < 0) {
      this.#reap();
      i = table.allocate();
      if (i < 0) return this.#tableFull();
    }
    const words = table.words;
    const b = i * ENTRY;
    words[b] = tuple.src;
    words[b + 1] = tuple.dst;
    words[b + 2] = tuple.ports;
    words[b + 3] = tuple.dst;
    words[b + 4] = tuple.src;
    words[b + 5] = replyPorts;
    let key = tuple.proto | (zone << KEY_ZONE_SHIFT);
    if (this.sysctl.acct !== 0) {
      key |= KEY_ACCT;
      this.accounting.start(i);
    }
    if (this.sysctl.timestamp !== 0) key |= KEY_TSTAMP;
    words[b + KEY] = key;
    words[b + MARK] = 0;
    if (this.events !== null) this.events.forget(i);
    return i;
  }

  /** Confirmed entry for a tuple, or -1; one that is past its time is deleted on the way, as the kernel does. */
  lookup(tuple: Tuple, key: number, hash: number): number {
    return this.lookupExcept(tuple.src, tuple.dst, tuple.ports, key, hash);
  }

  lookupExcept(src: number, dst: number, ports: number, key: number, hash: number): number {
    const table = this.table;
    for (;;) {
      const handle = table.find(src, dst, ports, key, hash);
      if (handle < 0 || table.words[(handle >> 1) * ENTRY + EXPIRES]! > this.now) return handle;
      this.kill(handle >> 1);
    }
  }

  /**
   * Handle of the entry that a tuple belongs to, or -1: by the zone of the original direction, then by that of the reply
   * (`nf_conntrack_find_get`). @param zone id | directions << 16
   */
  lookupZones(tuple: Tuple, zone: number): number {
    const key = tuple.proto | (zone << KEY_ZONE_SHIFT);
    const original = zoneOf(key, 0);
    const handle = this.lookup(tuple, key, this.hash(tuple, original));
    const reply = zoneOf(key, 1);
    return handle < 0 && reply !== original ? this.lookup(tuple, key, this.hash(tuple, reply)) : handle;
  }

  /** @param zoneId effective id in the direction of the tuple */
  hash(tuple: Tuple, zoneId: number): number {
    return this.table.hash(tuple.src, tuple.dst, tuple.ports, tuple.proto | (zoneId << KEY_ZONE_SHIFT));
  }

  /** `nf_ct_acct_update`: one more packet of this direction. */
  account(p: Packet, i: number, dir: number): void {
    if ((this.table.words[i * ENTRY + KEY]! & KEY_ACCT) !== 0) this.accounting.add(i, dir, p.end - p.l3);
  }

  /** `nf_ct_refresh_acct`: the entry lives for `ms` from now, unless its timeout is fixed; an unconfirmed one from its confirmation. */
  refresh(i: number, ms: number): void {
    const words = this.table.words;
    const b = i * ENTRY;
    const status = words[b + STATUS]!;
    if ((status & (Ips.FixedTimeout | Ips.Confirmed)) !== Ips.Confirmed) {
      if ((status & Ips.FixedTimeout) === 0) words[b + EXPIRES] = ms;
      return;
    }
    const expires = this.now + ms;
    if (expires < words[b + EXPIRES]!) this.due(i, expires);
    words[b + EXPIRES] = expires;
  }

  /** The sweep looks at the entry at this moment at the latest. */
  due(i: number, moment: number): void {
    if (moment < this.table.deadline[i]!) this.table.deadline[i] = moment;
    if (moment < this.#earliest) this.#earliest = moment;
    if (moment < this.#found) this.#found = moment;
  }

  /** Milliseconds that are left; of an unconfirmed entry, its timeout. */
  expiresMs(i: number): number {
    const b = i * ENTRY;
    const expires = this.table.words[b + EXPIRES]!;
    return (this.table.words[b + STATUS]! & Ips.Confirmed) === 0 ? expires : Math.max(0, expires - this.now);
  }

  /**
   * `nf_ct_delete`: out of the hash at once; the words stay as they are until the next sweep, because the packet in hand may still
   * need them (an answer that ends the entry is translated afterwards).
   */
  kill(i: number): void {
    const table = this.table;
    const b = i * ENTRY;
    const status = table.words[b + STATUS]!;
    if ((status & Ips.Dying) !== 0) return;
    if ((status & Ips.Confirmed) === 0) {
      this.release(i);
      return;
    }
    table.words[b + STATUS] = status | Ips.Dying;
    if ((table.words[b + KEY]! & KEY_TSTAMP) !== 0) this.accounting.stamp(i, this.wallClock());
    if (this.events !== null) this.events.deliver(this, i, Event.Destroy);
    if ((status & Ips.NatClash) === 0) table.remove(i << 1, table.hashOf(i << 1));
    table.remove((i << 1) | 1, table.hashOf((i << 1) | 1));
    if ((status & Ips.SrcNatDone) !== 0) this.bySource.remove(i);
    table.deadline[i] = NEVER;
    table.words[b + LINK] = this.#dying;
    this.#dying = i;
  }

  /**
   * Gives back an entry that was never confirmed: its first packet was dropped. An answer that the drop has caused (REJECT, an ICMP
   * error) is translated by it afterwards, so it too is there until the next sweep.
   */
  release(i: number): void {
    const at = i * ENTRY + STATUS;
    const status = this.table.words[at]!;
    if ((status & (Ips.Confirmed | Ips.Dying)) !== 0) return;
    if (this.#held.has(i)) {
      this.#held.orphan(i);
      return;
    }
    if ((status & Ips.SrcNatDone) !== 0) this.bySource.remove(i);
    this.table.words[at] = status | Ips.Dying;
    this.table.words[i * ENTRY + LINK] = this.#dying;
    this.#dying = i;
  }

  /** A packet waits, and will ask for its entry again. Until `letGo` it stays, and nobody else gets its place. */
  hold(i: number): void {
    this.#held.add(i);
  }
  letGo(i: number): void {
    if (this.#held.remove(i)) this.release(i);
  }

  /** The same for an entry that no packet knows. */
  discard(i: number): void {
    const status = this.table.words[i * ENTRY + STATUS]!;
    if ((status & Ips.Confirmed) !== 0) return;
    if ((status & Ips.SrcNatDone) !== 0) this.bySource.remove(i);
    this.table.free(i);
  }

  /** A number that stays with the entry for its life and tells it from others (`nf_ct_get_id`). */
  idOf(i: number): number {
    return this.table.hashOf(i << 1) ^ Math.imul(i + 1, 0x9e3779b1);
  }

  /** Marks that the packet is not part of a connection, with the reason. */
  count(reason: Invalid): void {
    this.invalid[reason]!++;
    this.lastInvalid = reason;
  }

  #reap(): void {
    let i = this.#dying;
    if (i < 0) return;
    this.#dying = -1;
    while (i >= 0) {
      const next = this.table.words[i * ENTRY + LINK]!;
      if (this.#held.has(i)) {
        this.table.words[i * ENTRY + LINK] = this.#dying;
        this.#dying = i;
      } else this.table.free(i);
      i = next;
    }
  }

  /** `nf_conntrack_max`, where there is memory for so many. */
  get #limit(): number {
    return Math.min(this.sysctl.max, this.table.capacity);
  }

  #tableFull(): number {
    if (this.now - this.#fullAt >= QUIET_MS) this.#onFull('nf_conntrack: table full, dropping packet');
    this.#fullAt = this.now;
    return -2;
  }

  /** `early_drop`: all entries that are not assured in the first of up to eight buckets that has any. */
  #earlyDrop(hash: number): boolean {
    const table = this.table;
    this.#reap();
    if (table.count < this.#limit) return true;
    const first = table.lineOf(hash);
    for (let line = first; line < first + EVICTION_RANGE; line++) {
      let drops = 0;
      for (let n = 0; ; ) {
        const handle = table.handleAt(line, n);
        if (handle < 0) break;
        const i = handle >> 1;
        if ((table.words[i * ENTRY + STATUS]! & IPS_BITS & (Ips.Assured | Ips.Dying)) === 0) {
          this.kill(i); // the next handle of the line moves to `n`
          drops++;
        } else {
          n++;
        }
      }
      if (drops > 0) {
        this.stats.earlyDrop += drops;
        this.#reap();
        return true;
      }
    }
    return false;
  }

  /** Moves the epoch up to now. Comparisons are made before numbers are cut to 32 bits, so a jump of any length expires what is due. */
  #rebase(now: number): void {
    const { words, deadline } = this.table;
    for (let i = 0; i < this.table.touched; i++) {
      const b = i * ENTRY;
      if (deadline[i] === NEVER && (words[b + STATUS]! & Ips.Confirmed) === 0) continue;
      words[b + EXPIRES] = Math.max(words[b + EXPIRES]! - now, -1);
      if (deadline[i] !== NEVER) deadline[i] = Math.max(deadline[i]! - now, -1);
      if ((words[b + KEY]! & 0xff) === 17) words[b + 13] = Math.max(words[b + 13]! - now, -1);
    }
    this.#epoch += now;
    this.#fullAt -= now;
    this.now = 0;
    this.#earliest = -1;
  }

  /** Words of a direction's tuple, for printing and tests. */
  word(i: number, dir: number, field: typeof SRC | typeof PORTS | 1): number {
    return this.table.words[i * ENTRY + dir * REPLY + field]!;
  }
}

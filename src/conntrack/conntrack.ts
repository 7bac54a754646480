/**
 * Connection tracking of one node: the face of the folder. An entry is named by a number, -1 is none; every function of the words path
 * takes numbers and allocates nothing. One writer: the thread that owns it.
 *
 * Life of a packet: `track` at PREROUTING or OUTPUT, `nat.*` at the NAT stages, `confirm` at the end of INPUT or POSTROUTING;
 * `drop` where it ends before. `sweep` once per batch, before its first packet: it reads the clock, and time stands still until the
 * next call.
 */
import { DropReason } from '../base/drop-reason.ts';
import { CtInfo, type Packet } from '../packet/packet.ts';
import { type Hook, Verdict } from '../packet/verdict.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { confirm } from './clash.ts';
import { Core, type CoreOptions } from './core.ts';
import { Event, EventRing } from './events.ts';
import { trackGre } from './gre.ts';
import { IcmpKind, icmpError, trackIcmp } from './icmp.ts';
import { DST, ENTRY, IPS_BITS, KEY, KEY_ACCT, KEY_TSTAMP, MARK, PORTS, REPLY, SRC, STATE_SHIFT, STATUS, zoneOf } from './layout.ts';
import { Nat } from './nat/nat.ts';
import { Prefetch } from './prefetch.ts';
import { Invalid } from './statistics.ts';
import { dirOf, Ips, IS_REPLY } from './status.ts';
import { setClosing, Tracked, trackTcp } from './tcp/tracker.ts';
import { Timeout } from './timeouts.ts';
import { Tuple } from './tuple.ts';
import { trackUdp } from './udp.ts';

export type ConntrackOptions = Omit<CoreOptions, 'capacity'> & { capacity?: number };

/** Entries that a sweep looks at per call, and more for each millisecond since the last: a nanosecond or two each. */
const SWEEP_BASE = 256;
const SWEEP_PER_MS = 512;
const DEFAULT_CAPACITY = 262_144;

const tuple = new Tuple();

export class Conntrack {
  readonly core: Core;
  readonly nat: Nat;
  readonly #prefetch: Prefetch;

  constructor(options: ConntrackOptions) {
    this.core = new Core({ capacity: DEFAULT_CAPACITY, ...options });
    this.nat = new Nat(this.core);
    this.#prefetch = new Prefetch(this.core.table, this.core.newest);
  }

  /** Bytes of the columns and the hash. */
  get memory(): number {
    return this.core.table.bytes + this.core.bySource.bytes;
  }
  get sysctl() {
    return this.core.sysctl;
  }
  get stats() {
    return this.core.stats;
  }
  /** Entries, unconfirmed ones included. */
  get size(): number {
    return this.core.table.count;
  }

  /**
   * `nf_conntrack_in`: gives the packet its entry and state; a new one is not in the table before `confirm`. An INVALID packet is
   * accepted with `ct` -1 and `CtInfo.None`: rules decide about it.
   *
   * @param p with `l3`, `l4` and `end` set and its IPv4 header checked
   * @returns Drop with ConntrackFull when there is no room for a new entry.
   */
  track(p: Packet, hook: Hook): Verdict {
    if (p.ct >= 0 || p.untracked) return Verdict.Accept;
    const verdict = this.#track(p, hook);
    // What a CT target has chosen is for this once: without an entry it is tracked anew where it comes by again, from the loopback.
    if (p.ct < 0) p.zone = 0;
    return verdict;
  }

  #track(p: Packet, hook: Hook): Verdict {
    const core = this.core;
    core.lastInvalid = Invalid.None;
    if (ipv4.fragmentOffset(p.bytes, p.l3) !== 0) return this.#invalid(p, Invalid.Fragment);
    const proto = ipv4.protocol(p.bytes, p.l3);
    if (proto === ipv4.Protocol.Icmp) {
      const kind = icmpError(core, p, hook);
      if (kind === IcmpKind.Error) return Verdict.Accept;
      if (kind === IcmpKind.Invalid) {
        core.stats.error++;
        return Verdict.Accept;
      }
    }
    if (!tuple.read(p.bytes, p.l3, p.l4, p.end)) return this.#invalid(p, Invalid.ShortPacket);
    for (;;) {
      const handle = this.#resolve(p);
      if (handle === -1) return this.#invalid(p, Invalid.NotInvertible);
      if (handle === -2) {
        core.stats.drop++;
        p.reason = DropReason.ConntrackFull;
        return Verdict.Drop;
      }
      const i = handle >> 1;
      const dir = handle & 1;
      const result = this.#handle(p, i, dir, proto, hook);
      if (result === Tracked.Accept) {
        p.ct = i;
        const status = core.table.words[i * ENTRY + STATUS]!;
        if (dir === 1) {
          p.ctinfo = CtInfo.EstablishedReply;
          if ((status & Ips.SeenReply) === 0) {
            core.table.words[i * ENTRY + STATUS] = status | Ips.SeenReply;
            if (core.events !== null) core.events.note(i, Event.Reply);
          }
        } else if ((status & Ips.SeenReply) !== 0) {
          p.ctinfo = CtInfo.Established;
        } else {
          p.ctinfo = (status & Ips.Expected) !== 0 ? CtInfo.Related : CtInfo.New;
        }
        return Verdict.Accept;
      }
      core.discard(i);
      if (result === Tracked.Invalid) {
        core.stats.invalid++;
        return Verdict.Accept;
      }
    }
  }

  /** Handle of the packet's entry, made when there is none; -1 and -2 as `Core.create`. */
  #resolve(p: Packet): number {
    const core = this.core;
    const zone = p.zone;
    const key = tuple.proto | (zone << 8);
    const hash = core.hash(tuple, zone === 0 ? 0 : zoneOf(key, 0));
    let handle = core.lookup(tuple, key, hash);
    if (handle >= 0) return handle;
    if (zone !== 0 && zoneOf(key, 1) !== zoneOf(key, 0)) {
      handle = core.lookup(tuple, key, core.hash(tuple, zoneOf(key, 1)));
      if (handle >= 0) return handle;
    }
    const i = core.create(tuple, zone, hash);
    if (zone === 0) core.absentOriginal.note(core.table, tuple.src, tuple.dst, tuple.ports, key, hash);
    return i < 0 ? i : i << 1;
  }

  #handle(p: Packet, i: number, dir: number, proto: number, hook: Hook): number {
    const core = this.core;
    switch (proto) {
      case ipv4.Protocol.Tcp:
        return trackTcp(core, p, i, dir, hook);
      case ipv4.Protocol.Udp:
        return trackUdp(core, p, i, dir, hook) ? Tracked.Accept : Tracked.Invalid;
      case ipv4.Protocol.Icmp:
        return trackIcmp(core, p, i, dir) ? Tracked.Accept : Tracked.Invalid;
    }
    if (proto === ipv4.Protocol.Gre) trackGre(core, i);
    // `generic_packet`. Differs from Linux: SCTP, DCCP and UDP-Lite are tracked by tuple alone, without states of their own.
    else core.refresh(i, core.sysctl.timeouts[Timeout.Generic]!);
    core.account(p, i, dir);
    return Tracked.Accept;
  }

  #invalid(_p: Packet, reason: Invalid): Verdict {
    this.core.count(reason);
    this.core.stats.invalid++;
    return Verdict.Accept;
  }

  /** `nf_conntrack_confirm`, last at INPUT and POSTROUTING. A packet whose entry cannot be put in is dropped. */
  confirm(p: Packet): Verdict {
    const i = p.ct;
    if (i < 0) return Verdict.Accept;
    const core = this.core;
    if ((core.table.words[i * ENTRY + STATUS]! & Ips.Confirmed) === 0) {
      if (confirm(core, p) === Verdict.Drop) return Verdict.Drop;
    }
    if (core.events !== null) core.events.flush(core, p.ct);
    return Verdict.Accept;
  }

  /** The packet ends here: an entry that only it knows ends with it. */
  drop(p: Packet): void {
    if (p.ct >= 0) this.core.release(p.ct);
    p.ct = -1;
    p.ctinfo = CtInfo.None;
  }

  /** `nf_conntrack_attach`: an answer that the node makes itself (REJECT, ICMP error) belongs to the entry of the packet it is about. */
  attach(answer: Packet, about: Packet): void {
    if (about.ct < 0) {
      // Attached to no entry: NOTRACK passes over it, and it is tracked like any other (`nf_ct_attach` of an untracked packet).
      if (about.untracked) answer.ctinfo = CtInfo.Related;
      return;
    }
    answer.ct = about.ct;
    answer.ctinfo = dirOf(about.ctinfo) === 0 ? CtInfo.Related + IS_REPLY : CtInfo.Related;
  }

  /** REJECT with tcp-reset has ended the connection. */
  setClosing(i: number): void {
    setClosing(this.core, i);
  }

  /**
   * Once per batch: reads the clock, deletes what is due, frees what was deleted. Bounded; `sweepAll` is not. An entry that is due and
   * not swept yet is not found by any look-up.
   *
   * @returns true when everything that is due is gone
   */
  sweep(budget?: number): boolean {
    const elapsedMs = this.core.tick();
    return this.core.sweep(budget ?? SWEEP_BASE + elapsedMs * SWEEP_PER_MS);
  }
  sweepAll(): void {
    this.core.tick();
    this.core.sweepAll();
  }

  /**
   * Touches what the look-ups of a batch will need, so that the misses of many packets overlap: at a million flows this is worth more
   * than all the rest of the look-up. A hint, for frames as a device gives them: it changes nothing, and whatever is not IPv4 is passed
   * over. For up to 256 packets; does nothing while the table is small.
   *
   * @param link bytes of the link header in front of the IPv4 header: 14, or 0 for a TUN
   * @returns a number without meaning, so that the loads are not optimised away.
   */
  prefetch(batch: readonly Packet[], n: number, link: number): number {
    return this.#prefetch.batch(batch, n, link);
  }

  /** Deletes a confirmed entry, as `conntrack -D` does. */
  delete(i: number): void {
    if (this.core.table.live(i)) this.core.kill(i);
  }

  /** Deletes every entry. */
  flush(): void {
    for (let i = 0; i < this.core.table.touched; i++) this.delete(i);
  }

  /** Is this an entry that is in the table and not past its time? Any number below `core.table.touched` may be asked. */
  exists(i: number): boolean {
    return this.core.table.live(i) && this.core.expiresMs(i) > 0;
  }

  /** Calls `see` with every such entry, in the order of their numbers. Cold side. */
  forEach(see: (i: number) => void): void {
    for (let i = 0; i < this.core.table.touched; i++) if (this.exists(i)) see(i);
  }

  /** Entry of a tuple in either direction, or -1. Ports as in `Tuple`; zone id | directions << 16. */
  findEntry(src: number, dst: number, ports: number, proto: number, zone = 0): number {
    tuple.src = src;
    tuple.dst = dst;
    tuple.ports = ports;
    tuple.proto = proto;
    const handle = this.core.lookupZones(tuple, zone);
    return handle < 0 ? -1 : handle >> 1;
  }

  /** Starts and stops the ring of events. */
  listen(size = 4096): EventRing {
    this.core.events ??= new EventRing(size, this.core.table.capacity);
    return this.core.events;
  }
  stopListening(): void {
    this.core.events = null;
  }

  protocol(i: number): number {
    return this.core.table.words[i * ENTRY + KEY]! & 0xff;
  }
  origSrc(i: number): number {
    return this.core.table.words[i * ENTRY + SRC]!;
  }
  origDst(i: number): number {
    return this.core.table.words[i * ENTRY + DST]!;
  }
  origSrcPort(i: number): number {
    return this.core.table.words[i * ENTRY + PORTS]! >>> 16;
  }
  origDstPort(i: number): number {
    return this.core.table.words[i * ENTRY + PORTS]! & 0xffff;
  }
  replySrc(i: number): number {
    return this.core.table.words[i * ENTRY + REPLY + SRC]!;
  }
  replyDst(i: number): number {
    return this.core.table.words[i * ENTRY + REPLY + DST]!;
  }
  replySrcPort(i: number): number {
    return this.core.table.words[i * ENTRY + REPLY + PORTS]! >>> 16;
  }
  replyDstPort(i: number): number {
    return this.core.table.words[i * ENTRY + REPLY + PORTS]! & 0xffff;
  }
  /** IPS_* bits. */
  status(i: number): number {
    return this.core.table.words[i * ENTRY + STATUS]! & IPS_BITS;
  }
  /** `TcpState`, of a TCP entry. */
  tcpState(i: number): number {
    return (this.core.table.words[i * ENTRY + STATUS]! >>> STATE_SHIFT) & 15;
  }
  /** Unsigned. */
  mark(i: number): number {
    return this.core.table.words[i * ENTRY + MARK]! >>> 0;
  }
  setMark(i: number, mark: number): void {
    const at = i * ENTRY + MARK;
    if (this.core.table.words[at] === (mark | 0)) return;
    this.core.table.words[at] = mark;
    if (this.core.events !== null) this.core.events.note(i, Event.Mark);
  }
  /** Zone id that counts in a direction. */
  zone(i: number, dir: number): number {
    return zoneOf(this.core.table.words[i * ENTRY + KEY]!, dir);
  }
  expiresMs(i: number): number {
    return this.core.expiresMs(i);
  }
  id(i: number): number {
    return this.core.idOf(i) >>> 0;
  }
  /** Were packets counted since the entry was made (`nf_conntrack_acct`)? */
  counted(i: number): boolean {
    return (this.core.table.words[i * ENTRY + KEY]! & KEY_ACCT) !== 0;
  }
  packets(i: number, dir: number): number {
    return this.counted(i) ? this.core.accounting.packets[(i << 1) | dir]! : 0;
  }
  bytes(i: number, dir: number): number {
    return this.counted(i) ? this.core.accounting.bytes[(i << 1) | dir]! : 0;
  }
  /** Milliseconds since 1970 at confirmation (`nf_conntrack_timestamp`), or 0. */
  startedMs(i: number): number {
    return (this.core.table.words[i * ENTRY + KEY]! & KEY_TSTAMP) !== 0 ? this.core.accounting.started[i]! : 0;
  }
}

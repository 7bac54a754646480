/**
 * The way of connections that went through before. Conntrack is asked for every packet, as ever; but where a packet goes, and which rules it matches
 * on the way, is the same for all packets of one direction as long as nobody changes rules or routes. What the first ones found is kept for
 * the others: rules count on, addresses and TTL are rewritten, the next hop is asked for its MAC, and no table is walked.
 * The kernel's flowtable (`nf_flow_table_core.c`) is the same thought, without the counters.
 *
 * One flow, of 16 words: a cache line. Where it stands is told by its handle, conntrack entry << 1 | direction.
 *
 *     0 handle + 1       4 next hop              8 source   (of this direction)    12 destination (of the other one)
 *     1 generation       5 preferred source      9 destination                     13 ports
 *     2 iif | oif << 16  6 key of the entry     10 ports                           14 trail
 *     3 ctinfo           7 status of the entry  11 source   (of the other one)     15 -
 */
import type { Conntrack } from '../conntrack/conntrack.ts';
import { DST, ENTRY, KEY, MASQ_MASK, PORTS, REPLY, SRC, STATUS } from '../conntrack/layout.ts';
import { Ips } from '../conntrack/status.ts';
import type { Netfilter } from '../netfilter/netfilter.ts';
import { CtInfo, type Packet, PacketType } from '../packet/packet.ts';
import { Hook, Verdict } from '../packet/verdict.ts';
import * as ipv4 from '../wire/ipv4.ts';
import { callsRules } from './bridge.ts';
import { lowerTtl, tooBig } from './forward.ts';
import { type Plane, Step } from './plane.ts';
import { Trails } from './trails.ts';

const SLOTS = 1 << 14;
const FLOW_SHIFT = 4;
/** Of an entry's status, what rules and NAT ask for. The rest may change on the way. */
const STATUS_MASK = Ips.Expected | Ips.Confirmed | Ips.NatMask | Ips.NatDoneMask | Ips.Dying | MASQ_MASK;
const SETTLED = Ips.Confirmed | Ips.NatDoneMask;

export class KnownFlows {
  readonly #netfilter: Netfilter;
  readonly #conntrack: Conntrack;
  readonly #flows = new Int32Array(SLOTS << FLOW_SHIFT);
  readonly #trails = new Trails();
  #generation = 1;
  #planeGeneration = -1;
  #rulesGeneration = -1;

  constructor(netfilter: Netfilter, conntrack: Conntrack) {
    this.#netfilter = netfilter;
    this.#conntrack = conntrack;
  }

  /** Something else has changed that decides where packets go. */
  forget(): void {
    this.settle();
    this.#generation++;
    this.#trails.clear();
  }

  /** May this be a packet of a connection that is known? `receive` has checked its header. */
  takes(plane: Plane, p: Packet): boolean {
    const netfilter = this.#netfilter;
    netfilter.trail.of = null;
    if (plane.tracer?.tells(p) === true || !netfilter.tracks || netfilter.rawFirst || p.type !== PacketType.Host) return false;
    const b = p.bytes;
    const protocol = b[p.l3 + 9]!;
    if (protocol !== ipv4.Protocol.Udp && protocol !== ipv4.Protocol.Tcp) return false;
    if (p.l4 - p.l3 !== ipv4.HEADER_LEN || ipv4.isFragment(b, p.l3) || p.fragMaxSize !== 0) return false;
    return !callsRules(plane, p.iif);
  }

  /**
   * PREROUTING and, for a packet whose way is known, all up to POSTROUTING.
   * @returns `Step.Resume` behind POSTROUTING; `Step.Receive` behind PREROUTING, to be routed; `Step.Done` when it was dropped
   */
  prerouting(plane: Plane, p: Packet): Step {
    if (plane.generation + plane.sysctls.generation !== this.#planeGeneration || this.#netfilter.generation !== this.#rulesGeneration)
      this.#renew(plane);
    const tracked = this.#conntrack.track(p, Hook.Prerouting);
    if (tracked !== Verdict.Accept) return plane.drop(p, p.reason);
    if (p.ct >= 0) {
      const at = this.#find(p);
      if (at >= 0) {
        const oif = this.#flows[at + 2]! >>> 16;
        const ttl = ipv4.ttl(p.bytes, p.l3);
        if (ttl > 1 && !tooBig(p, plane.interface(oif).mtu)) return this.#known(plane, p, at, oif, ttl);
      } else if (this.#mayLearn(p)) this.#netfilter.trail.begin(p);
    }
    return this.#rest(plane, p);
  }

  #rest(plane: Plane, p: Packet): Step {
    const verdict = this.#netfilter.afterTracking(p);
    if (verdict === Verdict.Accept) return Step.Receive;
    if (verdict === Verdict.Drop) plane.drop(p, p.reason);
    return Step.Done;
  }

  /** Where the flow stands, or -1. Entries go and others take their numbers: all that a flow was learnt by is compared. */
  #find(p: Packet): number {
    const flows = this.#flows;
    const dir = p.ctinfo >= 3 ? 1 : 0;
    const handle = (p.ct << 1) | dir;
    const at = (handle & (SLOTS - 1)) << FLOW_SHIFT;
    if (flows[at] !== handle + 1 || flows[at + 1] !== this.#generation) return -1;
    const words = this.#conntrack.core.table.words;
    const entry = p.ct * ENTRY;
    const own = entry + dir * REPLY;
    const other = entry + (1 - dir) * REPLY;
    return (flows[at + 2]! & 0xffff) === p.iif &&
      flows[at + 3] === p.ctinfo &&
      flows[at + 6] === words[entry + KEY] &&
      flows[at + 7] === (words[entry + STATUS]! & STATUS_MASK) &&
      flows[at + 8] === words[own + SRC] &&
      flows[at + 9] === words[own + DST] &&
      flows[at + 10] === words[own + PORTS] &&
      flows[at + 11] === words[other + SRC] &&
      flows[at + 12] === words[other + DST] &&
      flows[at + 13] === words[other + PORTS]
      ? at
      : -1;
  }

  /** From PREROUTING's NAT to POSTROUTING, as the path does it (`receive.ts`, `forward.ts`, `egress.ts`). */
  #known(plane: Plane, p: Packet, at: number, oif: number, ttl: number): Step {
    const { nat } = this.#conntrack;
    if (nat.translate(p, Hook.Prerouting) !== Verdict.Accept) return plane.drop(p, p.reason);
    const flows = this.#flows;
    p.oif = oif;
    p.nextHop = flows[at + 4]!;
    p.prefSrc = flows[at + 5]!;
    lowerTtl(plane, p, ttl);
    this.#trails.count(flows[at + 14]!, p.end - p.l3);
    if (nat.translate(p, Hook.Postrouting) !== Verdict.Accept) return plane.drop(p, p.reason);
    this.#conntrack.confirm(p);
    return Step.Resume;
  }

  /** The connection's first packets decide what becomes of it; those behind them are what can be learnt from. */
  #mayLearn(p: Packet): boolean {
    if (p.ctinfo !== CtInfo.New && p.ctinfo !== CtInfo.Established && p.ctinfo !== CtInfo.EstablishedReply) return false;
    return (this.#conntrack.core.table.words[p.ct * ENTRY + STATUS]! & (SETTLED | Ips.Dying)) === SETTLED;
  }

  /** Behind POSTROUTING: has this packet's way been written down, and does it hold for those behind it? */
  learn(plane: Plane, p: Packet): void {
    const { trail } = this.#netfilter;
    if (trail.of !== p) return;
    trail.of = null;
    if (trail.broken || p.local || p.ct < 0 || p.mark !== 0 || p.priority !== 0 || p.traced || p.physOut !== 0) return;
    // Where it came from: a redirect may be due. To the node itself: INPUT has rules of its own.
    if (p.oif === p.iif || p.oif === plane.lo.id || !this.#mayLearn(p)) return;
    const number = this.#trails.add(trail);
    if (number < 0) {
      this.forget();
      return;
    }
    const dir = p.ctinfo >= 3 ? 1 : 0;
    const handle = (p.ct << 1) | dir;
    const at = (handle & (SLOTS - 1)) << FLOW_SHIFT;
    const words = this.#conntrack.core.table.words;
    const entry = p.ct * ENTRY;
    const own = entry + dir * REPLY;
    const other = entry + (1 - dir) * REPLY;
    const flows = this.#flows;
    flows[at] = handle + 1;
    flows[at + 1] = this.#generation;
    flows[at + 2] = p.iif | (p.oif << 16);
    flows[at + 3] = p.ctinfo;
    flows[at + 4] = p.nextHop;
    flows[at + 5] = p.prefSrc;
    flows[at + 6] = words[entry + KEY]!;
    flows[at + 7] = words[entry + STATUS]! & STATUS_MASK;
    flows[at + 8] = words[own + SRC]!;
    flows[at + 9] = words[own + DST]!;
    flows[at + 10] = words[own + PORTS]!;
    flows[at + 11] = words[other + SRC]!;
    flows[at + 12] = words[other + DST]!;
    flows[at + 13] = words[other + PORTS]!;
    flows[at + 14] = number;
  }

  /** At the end of a batch: what was counted reaches the rules. */
  settle(): void {
    this.#trails.settle();
  }

  #renew(plane: Plane): void {
    this.forget();
    this.#trails.counters = this.#netfilter.counters;
    this.#planeGeneration = plane.generation + plane.sysctls.generation;
    this.#rulesGeneration = this.#netfilter.generation;
  }
}

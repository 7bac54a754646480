/**
 * What the stages of the path share: the tables, the interfaces, and the places where a packet can be left for later. It holds state
 * and no behaviour of the path; the stages are functions over it, and none of them calls another (see `path.ts`).
 */
import type { Clock } from '../base/clock.ts';
import { DropReason } from '../base/drop-reason.ts';
import type { Random } from '../base/random.ts';
import type { Device } from '../device/device.ts';
import type { Arena } from '../packet/arena.ts';
import type { Packet } from '../packet/packet.ts';
import type { RouterTracer } from '../packet/tracer.ts';
import { type Hook, Verdict } from '../packet/verdict.ts';
import type { BridgePort } from './bridge.ts';
import { Drops } from './drops.ts';
import { Fib, type Route } from './fib.ts';
import { Reassembly } from './fragments.ts';
import { IcmpLimit } from './icmp-limit.ts';
import { Interface, type Link } from './interface.ts';
import type { Ipip } from './ipip.ts';
import type { KnownFlows } from './known-flows.ts';
import type { Neighbours } from './neighbour.ts';
import { Sysctls } from './sysctl.ts';
import type { Vxlan } from './vxlan.ts';
import type { Unfinished } from './vxlan-pieces.ts';
import type { Train } from './vxlan-train.ts';

/** Where a packet goes next. Each stage returns one; `path.ts` is the only place that knows what follows what. */
export const Step = {
  /** The packet has ended: dropped and counted, or handed over. */
  Done: 0,
  /** `ip_rcv`: an IPv4 packet came in on `p.iif`, `p.l3` stands at its header. */
  Receive: 1,
  Forward: 2,
  /** Same bridge, in and out: FORWARD without a hop taken off the TTL. */
  Bridge: 3,
  /** For this node. */
  Deliver: 4,
  /** Made by this node, not routed yet. */
  Output: 5,
  /** Routed and through POSTROUTING's door: fragment, resolve, transmit. */
  Egress: 6,
  /** Past POSTROUTING: a copy with more room in front, or one that a neighbour's answer set free. */
  Resume: 7,
  /** Somebody keeps the packet itself (not a copy) and will send or end it. */
  Kept: 8,
  /** Made by this node, and routed by who made it. */
  LocalOut: 9,
} as const;
export type Step = (typeof Step)[keyof typeof Step];

/** The rules, as the path sees them: each hook in one call. `netfilter/` answers to it. */
export interface Hooks {
  run(hook: Hook, p: Packet): Verdict;
  /** The packet ends before it was confirmed: what conntrack keeps for it alone ends too. */
  end(p: Packet): void;
  /** `p` will wait, longer than a batch, and then go on with its connection; `letGo` when the wait is over, whatever became of it. */
  hold(p: Packet): void;
  letGo(ct: number): void;
  /** `answer` is an error about `about`: it belongs to the same connection (`nf_ct_attach`), confirmed or not. */
  attach(answer: Packet, about: Packet): void;
  /** A reset has been made for `p`: its connection ends (`nf_ct_set_closing`). */
  setClosing(p: Packet): void;
  /** The source that `p` had before NAT changed it; absent where nothing is translated. */
  originalSource?(p: Packet): number;
  /** The way of connections that went through before; absent where every packet is to be asked about. */
  readonly flows?: KnownFlows;
}

export interface PlaneOptions {
  clock: Clock;
  random: Random;
  arena: Arena;
  tracer?: RouterTracer | null;
}

/** How many packets may wait to be run: more than a full batch of frames can cause (an error each, twice over). */
const PENDING = 2048;

export class Plane {
  readonly clock: Clock;
  readonly random: Random;
  readonly arena: Arena;
  tracer: RouterTracer | null;
  readonly fib = new Fib();
  readonly drops = new Drops();
  readonly sysctls = new Sysctls();
  readonly icmpLimit: IcmpLimit;
  /** By id; 0 is nobody. */
  readonly interfaces: (Interface | null)[] = [null];
  readonly lo: Interface;
  /** Fragments of packets for conntrack and for this node. */
  readonly reassembly: Reassembly;
  /** The node's own sockets, when a TUN stands in front of them. */
  sockets: Device | null = null;
  /** By interface id: what the interface does beside routing, or null. */
  readonly vxlan: (Vxlan | null)[] = [null, null];
  readonly bridge: (BridgePort | null)[] = [null, null];
  /** UDP ports that a VXLAN device listens on; looked up before a packet is given to the node's sockets. */
  readonly vxlanPorts: Vxlan[] = [];
  /** Tunnels of IPv4 in IPv4. The first takes what comes to an address that is none of theirs. */
  readonly ipip: Ipip[] = [];
  /** Pieces of segments on their way into a tunnel, and out of one. */
  train!: Train;
  unfinished!: Unfinished;
  neighbours!: Neighbours;
  hooks: Hooks = {
    run: () => Verdict.Accept,
    end: () => {},
    hold: () => {},
    letGo: () => {},
    attach: () => {},
    setClosing: () => {},
  };
  /** Faults put in on purpose, so that a test can prove that the comparison finds them. */
  wrongTtl = false;

  /** Changes with routes and interfaces. */
  generation = 0;

  /** Key of the hashes that outsiders must not predict. */
  readonly hashSeed: number;

  readonly #pending: Packet[] = [];
  readonly #pendingStep: Step[] = [];
  readonly #spent: Packet[] = [];
  #ipId: number;

  constructor(options: PlaneOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.arena = options.arena;
    this.tracer = options.tracer ?? null;
    this.#ipId = this.random.below(0x10000);
    this.hashSeed = this.random.u32() | 0;
    this.reassembly = new Reassembly({ clock: this.clock, random: this.random, arena: this.arena });
    this.icmpLimit = new IcmpLimit(this.clock);
    this.lo = this.add('lo', 0, null, new Uint8Array(6), 65_536);
  }

  add(name: string, link: Link, device: Device | null, mac: Uint8Array, mtu: number): Interface {
    const made = new Interface(this.interfaces.length, name, link, device, mac, mtu);
    this.interfaces.push(made);
    this.generation++;
    this.vxlan[made.id] = null;
    this.bridge[made.id] = null;
    this.sysctls.register(name, made.sysctl);
    return made;
  }

  interface(id: number): Interface {
    return this.interfaces[id]!;
  }
  byName(name: string): Interface | undefined {
    return this.interfaces.find(i => i?.name === name) ?? undefined;
  }
  setRoutes(routes: readonly Route[]): void {
    this.fib.replace(routes);
    this.generation++;
  }

  /** The packet ends here. @returns `Step.Done`, so that a stage can write `return plane.drop(p, reason)`. */
  drop(p: Packet, reason: DropReason): Step {
    p.reason = reason;
    this.drops.count(reason);
    if (this.tracer !== null) this.tracer.drop(p);
    if (p.ct >= 0) this.hooks.end(p);
    return Step.Done;
  }

  /** Ask the rules of a hook. @returns false when the packet ends there: dropped and counted, or taken over. */
  passes(hook: Hook, p: Packet): boolean {
    const verdict = this.hooks.run(hook, p);
    if (verdict === Verdict.Accept) {
      if (this.tracer !== null) this.tracer.passed(p, hook);
      return true;
    }
    if (verdict === Verdict.Drop) this.drop(p, p.reason === DropReason.None ? DropReason.NetfilterDrop : p.reason);
    return false;
  }

  /**
   * Run `p` to its end now, before the packet that caused it goes on: an error about a packet is sent, and tracked, before that packet
   * is confirmed (`icmp_send` is a call). Set by `path.ts`.
   */
  run: (p: Packet, step: Step) => void = (p, step) => this.later(p, step);

  /** What waits for packets behind it is run to its end. Set by `path.ts`. */
  finish: () => void = () => {};

  /** Run `p`, which stands in an arena slot, after the packet that is under way. @returns false when too many wait already */
  later(p: Packet, step: Step): boolean {
    if (this.#pending.length >= PENDING) {
      this.arena.give(p);
      return false;
    }
    this.#pending.push(p);
    this.#pendingStep.push(step);
    return true;
  }
  get waiting(): number {
    return this.#pending.length;
  }
  /** Oldest first. Call only while `waiting` is not 0; `stepOf` belongs to the same call. */
  takeWaiting(): Packet {
    return this.#pending.shift()!;
  }
  takeWaitingStep(): Step {
    return this.#pendingStep.shift()!;
  }

  /** An arena packet whose path has ended: its bytes may still be noted for transmission, so the slot is free only after the flush. */
  spend(p: Packet): void {
    if (p.slot >= 0) this.#spent.push(p);
  }

  /** Hand what was noted to the kernel, and take the slots back. */
  flush(): void {
    this.finish();
    for (let id = 1; id < this.interfaces.length; id++) {
      const i = this.interfaces[id]!;
      if (i.dirty) {
        i.dirty = false;
        i.device!.flush();
      }
    }
    if (this.sockets !== null) this.sockets.flush();
    this.hooks.flows?.settle();
    for (let i = 0; i < this.#spent.length; i++) this.arena.give(this.#spent[i]!);
    this.#spent.length = 0;
  }

  /** Identification for a packet that this node makes. Linux draws it too; nothing may depend on its value. */
  nextIpId(): number {
    this.#ipId = (this.#ipId + 1) & 0xffff;
    return this.#ipId;
  }
}

/** What the rules may ask of this router (`netfilter/environment.ts`): addresses and routes, and answers to refused packets. */
import { DropReason } from '../base/drop-reason.ts';
import type { Connections, Environment, InterfaceNames } from '../netfilter/environment.ts';
import { rejectTypes } from '../netfilter/ruleset.ts';
import type { Packet } from '../packet/packet.ts';
import { mayReject, mayReset } from '../packet/transport-checksum.ts';
import type { Hook } from '../packet/verdict.ts';
import * as icmp from '../wire/icmp.ts';
import * as ipv4 from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';
import { RouteType } from './fib.ts';
import { sendError } from './icmp-error.ts';
import { routeOutput, sourceAddress } from './output.ts';
import type { Plane } from './plane.ts';
import { rejectSegment } from './tcp-reset.ts';

/** Code of "destination unreachable" per entry of `rejectTypes`; -1 is a TCP reset. */
const rejectCodes = Int8Array.from(rejectTypes, type => {
  switch (type) {
    case 'icmp-net-unreachable':
      return icmp.Unreachable.Net;
    case 'icmp-host-unreachable':
      return icmp.Unreachable.Host;
    case 'icmp-proto-unreachable':
      return icmp.Unreachable.Protocol;
    case 'icmp-port-unreachable':
      return icmp.Unreachable.Port;
    case 'icmp-net-prohibited':
      return icmp.Unreachable.NetProhibited;
    case 'icmp-host-prohibited':
      return icmp.Unreachable.HostProhibited;
    case 'icmp-admin-prohibited':
      return icmp.Unreachable.AdminProhibited;
    case 'tcp-reset':
      return -1;
  }
});

export class RulesEnvironment implements Environment {
  readonly #plane: Plane;
  readonly connections: Connections;
  readonly interfaces: InterfaceNames;
  /** Called for LOG and NFLOG. */
  onLog: (p: Packet, hook: Hook, rule: number) => void = () => {};

  constructor(plane: Plane, connections: Connections) {
    this.#plane = plane;
    this.connections = connections;
    this.interfaces = {
      get generation() {
        return plane.interfaces.length;
      },
      get count() {
        return plane.interfaces.length - 1;
      },
      name: id => plane.interfaces[id]?.name ?? '',
    };
  }

  get clock() {
    return this.#plane.clock;
  }
  get random() {
    return this.#plane.random;
  }

  addressType(address: number, iface: number): number {
    return iface === 0 ? this.#plane.fib.addressType(address) : this.#plane.fib.addressTypeOn(address, iface);
  }

  /** rpfilter (`net/ipv4/netfilter/ipt_rpfilter.c`). What comes by `lo` is its own way back. */
  reversePath(p: Packet, loose: boolean, mark: number, acceptLocal: boolean): boolean {
    const plane = this.#plane;
    if (p.iif === plane.lo.id) return true;
    const src = ipv4.src(p.bytes, p.l3);
    const route = plane.fib.lookup(src, mark);
    if (route === -1) return false;
    const type = plane.fib.type[route];
    if (type === RouteType.Local) return acceptLocal && (loose || plane.fib.addressTypeOn(src, p.iif) === RouteType.Local);
    return type === RouteType.Unicast && (loose || plane.fib.leadsBy(route, p.iif));
  }

  masqueradeSource(oif: number, nextHop: number): number {
    return sourceAddress(this.#plane, oif, nextHop);
  }

  primaryAddress(iface: number): number {
    return this.#plane.interfaces[iface]?.addresses[0]?.address ?? 0;
  }

  pathMtu(p: Packet): number {
    const plane = this.#plane;
    const out = p.oif === 0 ? 65_535 : plane.interface(p.oif).mtu;
    const back = plane.fib.lookup(ipv4.src(p.bytes, p.l3));
    // Back to an own address it is the loopback's, which is longer than any.
    return back === -1 || plane.fib.type[back] === RouteType.Local ? out : Math.min(out, plane.interface(plane.fib.oif[back]!).mtu);
  }

  /** `nf_send_unreach` and `nf_send_reset`: nothing is sent about a packet whose checksum is wrong, or about a later fragment. */
  reject(p: Packet, hook: Hook, how: number): void {
    const code = rejectCodes[how]!;
    if (ipv4.fragmentOffset(p.bytes, p.l3) !== 0) return;
    if (code >= 0) {
      if (mayReject(p)) sendError(this.#plane, p, icmp.Type.DestUnreachable, code, 0);
      return;
    }
    if (!mayReset(p, hook) || this.#plane.fib.isShared(ipv4.dst(p.bytes, p.l3))) return;
    if (ipv4.protocol(p.bytes, p.l3) === ipv4.Protocol.Tcp && tcp.check(p.bytes, p.l4, p.end) === DropReason.None)
      rejectSegment(this.#plane, p);
  }

  reroute(p: Packet): boolean {
    return routeOutput(this.#plane, p) === DropReason.None;
  }

  log(p: Packet, hook: Hook, rule: number): void {
    this.onLog(p, hook, rule);
  }
}

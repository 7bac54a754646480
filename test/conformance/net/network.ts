/**
 * Hosts and the segments between them. A frame goes to the port that has its MAC, a broadcast to all of the segment; what a frame
 * causes follows in the order in which it was caused, until nothing moves any more.
 */
import { formatMac } from '../../../src/base/address.ts';
import type { Host, Out } from './host.ts';
import type { RuledHost } from './ruled-host.ts';
import { type Sight, sightOf, tellSight } from './sight.ts';

/** An IPv4 packet on a wire. */
export interface WireSight {
  readonly from: string;
  readonly port: string;
  readonly packet: Sight;
}

/** Events of one action: more than this is a loop. */
const MOST_EVENTS = 200_000;

const isRuled = (host: Host): host is RuledHost => 'iptables' in host;

export class Network {
  readonly hosts = new Map<string, Host>();
  /** IPv4 packets sent since `begin`. */
  wire: WireSight[] = [];
  /** What no host may send: a checksum that does not hold. */
  readonly faults: string[] = [];
  readonly #segments = new Map<string, { host: Host; port: string; mac: string }[]>();
  readonly #todo: { host: Host; out: Out }[] = [];

  add<H extends Host>(host: H): H {
    this.hosts.set(host.name, host);
    for (const i of host.spec.interfaces) {
      if (i.segment === undefined) continue;
      const members = this.#segments.get(i.segment) ?? [];
      members.push({ host, port: i.name, mac: i.mac });
      this.#segments.set(i.segment, members);
    }
    return host;
  }

  /** @throws Error when the case names a host that is not there */
  host(name: string): Host {
    const host = this.hosts.get(name);
    if (!host) throw new Error(`no host "${name}": there are ${[...this.hosts.keys()].join(', ')}`);
    return host;
  }
  router(name: string): RuledHost {
    const host = this.host(name);
    if (!isRuled(host)) throw new Error(`"${name}" has no rules`);
    return host;
  }
  /** Who has an address. */
  owner(address: string): Host | undefined {
    return [...this.hosts.values()].find(h => h.spec.interfaces.some(i => i.addresses.some(a => a.split('/')[0] === address)));
  }

  /** Forgets what was seen. */
  begin(): void {
    this.wire = [];
    for (const host of this.hosts.values()) {
      host.stack.got = [];
      if (isRuled(host)) host.hooks = [];
    }
  }

  /** Sockets send: all packets stand in line before the first of them moves. */
  send(...packets: readonly { host: Host; bytes: Uint8Array }[]): void {
    for (const { host, bytes } of packets) this.#todo.push({ host, out: { kind: 'packet', bytes } });
    this.#run();
  }

  /** A frame on the wire of a host, made by whoever calls. */
  transmit(host: Host, port: string, bytes: Uint8Array): void {
    this.#todo.push({ host, out: { kind: 'frame', port, bytes } });
    this.#run();
  }

  advance(ms: number): void {
    for (const host of this.hosts.values()) this.#note(host, host.advance(ms));
    this.#run();
  }

  #note(host: Host, outs: readonly Out[]): void {
    for (const out of outs) this.#todo.push({ host, out });
  }

  #run(): void {
    for (let i = 0; this.#todo.length > 0; i++) {
      if (i === MOST_EVENTS) throw new Error('packets go round and round');
      const { host, out } = this.#todo.shift()!;
      if (out.kind === 'packet') this.#note(host, host.packet(out.bytes));
      else this.#carry(host, out.port, out.bytes);
    }
  }

  #carry(from: Host, port: string, frame: Uint8Array): void {
    if (((frame[12]! << 8) | frame[13]!) === 0x0800) {
      const packet = sightOf(frame.slice(14));
      this.wire.push({ from: from.name, port, packet });
      if (!packet.sumsHold) this.faults.push(`wrong checksum on ${from.name}/${port}: ${tellSight(packet)}`);
    }
    const segment = from.spec.interfaces.find(i => i.name === port)?.segment;
    if (segment === undefined) return;
    const mac = formatMac(frame);
    for (const to of this.#segments.get(segment)!) {
      if (to.host === from && to.port === port) continue;
      if (frame[0]! & 1 || to.mac === mac) this.#note(to.host, to.host.frame(to.port, frame));
    }
  }
}

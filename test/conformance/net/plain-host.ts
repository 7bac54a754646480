/**
 * A host with one interface and no rules, which shares nothing with the router: it asks and answers by ARP, sends what is not on its
 * link to its gateway, and gives what is for it to its stack.
 */
import { formatMac, inCidr, parseCidr, parseIpv4, parseMac } from '../../../src/base/address.ts';
import { arpFrame } from '../../router/frames.ts';
import type { Host, HostSpec, Out } from './host.ts';
import { Stack } from './stack.ts';

export class PlainHost implements Host {
  readonly name: string;
  readonly spec: HostSpec;
  readonly stack = new Stack();
  readonly #port: HostSpec['interfaces'][number];
  readonly #macs = new Map<string, Uint8Array>();
  readonly #waiting = new Map<string, Uint8Array[]>();

  constructor(spec: HostSpec) {
    this.name = spec.name;
    this.spec = spec;
    this.#port = spec.interfaces[0]!;
  }

  sourceFor(dst: string): string {
    const hop = parseIpv4(this.#nextHop(dst));
    const own = this.#port.addresses.find(a => inCidr(hop, parseCidr(a))) ?? this.#port.addresses[0]!;
    return own.split('/')[0]!;
  }

  frame(_port: string, frame: Uint8Array): Out[] {
    const type = (frame[12]! << 8) | frame[13]!;
    if (type === 0x0806) return this.#arp(frame.subarray(14));
    if (type !== 0x0800 || (formatMac(frame) !== this.#port.mac && !isBroadcast(frame))) return [];
    const packet = frame.slice(14, 14 + ((frame[16]! << 8) | frame[17]!));
    const dst = packet.subarray(16, 20).join('.');
    if (!this.#owns(dst)) return [];
    return this.stack.receive(packet).map(bytes => ({ kind: 'packet', bytes }));
  }

  packet(bytes: Uint8Array): Out[] {
    const hop = this.#nextHop(bytes.subarray(16, 20).join('.'));
    const mac = this.#macs.get(hop);
    if (mac) return [this.#out(mac, bytes)];
    const queue = this.#waiting.get(hop);
    if (queue) {
      queue.push(bytes);
      return [];
    }
    this.#waiting.set(hop, [bytes]);
    const ask = arpFrame({ op: 'request', sha: this.#port.mac, spa: this.sourceFor(hop), tpa: hop });
    return [{ kind: 'frame', port: this.#port.name, bytes: ask }];
  }

  advance(): Out[] {
    return [];
  }

  #arp(p: Uint8Array): Out[] {
    const spa = p.subarray(14, 18).join('.');
    const tpa = p.subarray(24, 28).join('.');
    const sha = p.slice(8, 14);
    if (!this.#owns(tpa)) return [];
    this.#macs.set(spa, sha);
    const freed: Out[] = (this.#waiting.get(spa) ?? []).map(bytes => this.#out(sha, bytes));
    this.#waiting.delete(spa);
    if (p[7] !== 1) return freed;
    const reply = arpFrame({ op: 'reply', sha: this.#port.mac, spa: tpa, tha: formatMac(sha), tpa: spa });
    return [{ kind: 'frame', port: this.#port.name, bytes: reply }, ...freed];
  }

  #out(mac: Uint8Array, packet: Uint8Array): Out {
    return { kind: 'frame', port: this.#port.name, bytes: Uint8Array.from([...mac, ...parseMac(this.#port.mac), 8, 0, ...packet]) };
  }

  #nextHop(dst: string): string {
    const address = parseIpv4(dst);
    if (this.#port.addresses.some(a => inCidr(address, parseCidr(a)))) return dst;
    const route =
      this.spec.routes.find(r => r.to !== 'default' && inCidr(address, parseCidr(r.to))) ?? this.spec.routes.find(r => r.to === 'default');
    return route?.via ?? dst;
  }

  #owns(address: string): boolean {
    return this.spec.everybody === true || this.#port.addresses.some(a => a.split('/')[0] === address);
  }
}

const isBroadcast = (frame: Uint8Array): boolean => frame.subarray(0, 6).every(b => b === 0xff);

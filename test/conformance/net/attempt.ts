/**
 * One try to get something across: a datagram, an echo request, a connection. It carries a tag that no rewrite touches (the first four
 * bytes of the payload; TCP's sequence number), so that it is known again wherever it arrives and whatever NAT made of it.
 */
import * as icmpWire from '../../../src/wire/icmp.ts';
import { Protocol } from '../../../src/wire/ipv4.ts';
import * as craft from './craft.ts';
import type { Host } from './host.ts';
import type { Network } from './network.ts';
import type { Protocol as What } from './protocol.ts';
import { type Sight, sightOf } from './sight.ts';
import { type Connection, isAnswer, synOf } from './stack.ts';

export interface AttemptSpec {
  readonly what: What;
  readonly src?: string;
  readonly sport?: number;
  readonly dst: string;
  readonly dport?: number;
  /** Identifier of an ICMP query. */
  readonly ident?: number;
  /** Bytes behind the transport header. */
  readonly payload?: number;
  readonly df?: boolean;
}

export interface Arrival {
  readonly host: Host;
  readonly packet: Sight;
}

/** What ping sends behind the ICMP header. */
const PING_BYTES = 56;
let attempts = 0;

export class Attempt {
  readonly host: Host;
  readonly what: What;
  readonly bytes: Uint8Array;
  /** As its sender sees it. */
  readonly packet: Sight;
  readonly connection?: Connection;
  /** Which of several senders alike has made it. */
  group = 0;
  readonly #tag: string;

  constructor(host: Host, spec: AttemptSpec) {
    const tag = ++attempts & 0x7fffffff;
    this.host = host;
    this.what = spec.what;
    const src = spec.src ?? host.sourceFor(spec.dst);
    const ends = { src, dst: spec.dst, ...(spec.df === undefined ? {} : { dontFragment: spec.df }) };
    const ports = { sport: spec.sport ?? 20_000 + (tag % 30_000), dport: spec.dport ?? 0 };
    switch (spec.what.number) {
      case Protocol.Udp:
        this.bytes = craft.udp({ ...ends, ...ports, data: payload(tag, spec.payload ?? 8) });
        break;
      case Protocol.Tcp: {
        const data = spec.payload === undefined ? {} : { data: payload(tag, spec.payload) };
        const { connection, syn } = host.stack.connect({ src, dst: spec.dst, ...ports, ...data });
        this.connection = connection;
        this.bytes = syn;
        break;
      }
      case Protocol.Icmp: {
        const rest = ((spec.ident ?? tag & 0xffff) << 16) | 1;
        const { icmpType: type, icmpCode: code } = spec.what;
        this.bytes = craft.icmp({ ...ends, type, code, rest, data: payload(tag, spec.payload ?? PING_BYTES) });
        break;
      }
      case Protocol.Sctp:
        this.bytes = craft.sctp({ ...ends, ...ports, tag });
        break;
      default:
        this.bytes = craft.raw(ends, spec.what.number, payload(tag, spec.payload ?? 8));
    }
    this.packet = sightOf(this.bytes);
    this.#tag = tagOf(this.packet);
  }

  run(network: Network): this {
    network.send({ host: this.host, bytes: this.bytes });
    return this;
  }

  /** The SYN once more, as TCP sends it again. */
  again(network: Network): void {
    network.send({ host: this.host, bytes: this.connection ? synOf(this.connection) : this.bytes });
  }

  /** Is it this request, and not its answer? */
  is(p: Sight): boolean {
    if (p.protocol !== this.what.number || tagOf(p) !== this.#tag) return false;
    if (p.protocol === Protocol.Tcp) return p.flags === this.packet.flags;
    return p.protocol !== Protocol.Icmp || p.icmpType === this.packet.icmpType;
  }

  /** Where the request was given to sockets. */
  arrivals(network: Network): Arrival[] {
    return [...network.hosts.values()].flatMap(host => host.stack.got.filter(p => this.is(p)).map(packet => ({ host, packet })));
  }

  /** What came back to the sender's socket. */
  answers(): Sight[] {
    const { packet } = this;
    return this.host.stack.got.filter(p => {
      if (p.protocol !== packet.protocol) return false;
      if (p.protocol === Protocol.Tcp) return p.flags === 'SA' && p.ack === packet.seq + 1;
      if (p.protocol === Protocol.Icmp) return p.icmpType === icmpWire.Type.EchoReply && tagOf(p) === this.#tag && !this.is(p);
      return p.protocol === Protocol.Udp && isAnswer(p) && p.payload.subarray(1, 4).join() === packet.payload.subarray(1, 4).join();
    });
  }

  /** ICMP errors about it that came to the sender's socket. */
  errors(): Sight[] {
    const { packet } = this;
    return this.host.stack.got.filter(
      p =>
        p.quoted?.src === packet.src && p.quoted.dst === packet.dst && p.quoted.sport === packet.sport && p.quoted.dport === packet.dport,
    );
  }
}

function payload(tag: number, length: number): Uint8Array {
  const b = Uint8Array.from({ length }, (_, i) => 0x61 + (i % 26));
  b.set([tag >>> 24, tag >>> 16, tag >>> 8, tag].slice(0, length));
  return b;
}

function tagOf(p: Sight): string {
  if (p.protocol === Protocol.Tcp) return String(p.seq);
  // Of an SCTP INIT the initiate tag, behind the chunk's header.
  return (p.protocol === Protocol.Sctp ? p.payload.subarray(4, 8) : p.payload.subarray(0, 4)).join();
}

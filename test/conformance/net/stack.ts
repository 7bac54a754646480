/**
 * What stands above IP on a host: sockets that answer. Echo requests are answered, UDP ports return what they get, TCP ports take
 * connections, closed ports refuse as Linux does. It keeps all that it was given.
 */
import * as icmpWire from '../../../src/wire/icmp.ts';
import { Protocol } from '../../../src/wire/ipv4.ts';
import * as craft from './craft.ts';
import { type Sight, sightOf } from './sight.ts';

/** Marks the answer to a request: the first four bytes of the payload name the request, this bit the direction. */
const ANSWER = 0x80;

export interface Connection {
  readonly local: { address: string; port: number };
  readonly remote: { address: string; port: number };
  readonly isn: number;
  state: 'syn-sent' | 'connected' | 'refused' | 'unreachable';
  /** What ended it: a reset or an ICMP error. */
  error?: Sight;
}

export class Stack {
  /** Answers nothing, not even an echo request. */
  silent = false;
  /** Is a port open? By default all are. */
  open: (protocol: 'tcp' | 'udp', port: number) => boolean = () => true;
  /** What a UDP port answers behind the request's first four bytes. */
  readonly answers = new Map<number, string>();
  /** Every packet that was given to the host's sockets. */
  got: Sight[] = [];
  readonly #connections: Connection[] = [];
  #isn = 1000;

  /** @returns what the host sends in answer */
  receive(bytes: Uint8Array): Uint8Array[] {
    const p = sightOf(bytes);
    this.got.push(p);
    if (p.quoted) this.#error(p, p.quoted);
    if (!p.sumsHold || p.fragmentOffset > 0) return [];
    if (p.protocol === Protocol.Tcp) return this.#tcp(p);
    if (this.silent) return [];
    if (p.icmpType === icmpWire.Type.Echo) return [back(p, icmpWire.Type.EchoReply)];
    if (p.protocol === Protocol.Udp) return this.#udp(p);
    return [];
  }

  /** Opens a connection. @returns it and its SYN */
  connect(e: { src: string; sport: number; dst: string; dport: number; data?: Uint8Array }): { connection: Connection; syn: Uint8Array } {
    this.#isn += 100_000;
    const connection: Connection = {
      local: { address: e.src, port: e.sport },
      remote: { address: e.dst, port: e.dport },
      isn: this.#isn,
      state: 'syn-sent',
    };
    this.#connections.push(connection);
    return { connection, syn: synOf(connection, e.data) };
  }

  #udp(p: Sight): Uint8Array[] {
    if (!this.open('udp', p.dport)) return [unreachable(p)];
    const words = this.answers.get(p.dport);
    const data =
      words === undefined ? p.payload.slice() : Uint8Array.from([...p.payload.subarray(0, 4), ...new TextEncoder().encode(words)]);
    // An answer is not answered again.
    if (data.length < 4 || data[0]! & ANSWER) return [];
    data[0]! |= ANSWER;
    return [craft.udp({ src: p.dst, sport: p.dport, dst: p.src, dport: p.sport, data })];
  }

  #tcp(p: Sight): Uint8Array[] {
    const c = this.#connections.findLast(
      each => each.local.address === p.dst && each.local.port === p.dport && each.remote.address === p.src && each.remote.port === p.sport,
    );
    const answer = { src: p.dst, sport: p.dport, dst: p.src, dport: p.sport };
    if (c?.state === 'syn-sent') {
      if (p.ack !== c.isn + 1) return [];
      if (p.flags.includes('R')) {
        c.state = 'refused';
        c.error = p;
        return [];
      }
      if (p.flags !== 'SA') return [];
      c.state = 'connected';
      return [craft.tcp({ ...answer, flags: 'A', seq: c.isn + 1, ack: (p.seq + 1) >>> 0 })];
    }
    if (this.silent || p.flags.includes('R')) return [];
    const whole = (p.seq + p.payload.length + (p.flags.includes('S') ? 1 : 0) + (p.flags.includes('F') ? 1 : 0)) >>> 0;
    if (!this.open('tcp', p.dport)) return [craft.tcp({ ...answer, flags: 'RA', seq: 0, ack: whole })];
    if (p.flags !== 'S') return [];
    this.#isn += 100_000;
    return [craft.tcp({ ...answer, flags: 'SA', seq: this.#isn, ack: (p.seq + 1) >>> 0, tcpOptions: craft.SYN_OPTIONS })];
  }

  /** An ICMP error ends a connection that is being opened. */
  #error(p: Sight, about: Sight): void {
    if (about.protocol !== Protocol.Tcp) return;
    for (const c of this.#connections) {
      const same = c.local.address === about.src && c.local.port === about.sport && c.remote.address === about.dst;
      if (!same || c.remote.port !== about.dport || c.state !== 'syn-sent') continue;
      c.state = 'unreachable';
      c.error = p;
    }
  }
}

export const synOf = (c: Connection, data?: Uint8Array): Uint8Array =>
  craft.tcp({
    src: c.local.address,
    sport: c.local.port,
    dst: c.remote.address,
    dport: c.remote.port,
    flags: 'S',
    seq: c.isn,
    ...(data ? { data } : { tcpOptions: craft.SYN_OPTIONS }),
  });

/** Is this the answer to what carried `tag` as its first four bytes? */
export const isAnswer = (p: Sight): boolean => (p.payload[0]! & ANSWER) !== 0;

function back(p: Sight, type: number): Uint8Array {
  const l4 = (p.bytes[0]! & 15) << 2;
  return craft.icmp({
    src: p.dst,
    dst: p.src,
    type,
    rest: (p.bytes[l4 + 4]! << 24) | (p.bytes[l4 + 5]! << 16) | (p.bytes[l4 + 6]! << 8) | p.bytes[l4 + 7]!,
    data: p.payload.slice(),
  });
}

/** Port unreachable about `p` (RFC 1122 section 4.1.3.1). */
const unreachable = (p: Sight): Uint8Array =>
  craft.icmp({
    src: p.dst,
    dst: p.src,
    type: icmpWire.Type.DestUnreachable,
    code: icmpWire.Unreachable.Port,
    rest: 0,
    tos: 0xc0,
    data: p.bytes.slice(0, 548),
  });

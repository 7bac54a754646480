/**
 * A packet in words, as `kubehop walk --packet` takes it:
 *
 *     tcp 203.0.113.9:40000 > 192.168.56.11:30080 syn ttl 63 mark 0x4000
 *     icmp 10.244.1.2 > 10.96.0.10 type 8 code 0
 *
 * Without flags a TCP packet is a SYN (with `state established` an ACK); without a source port it comes from 40000.
 */
import { type Ipv4, tryParseIpv4 } from '../base/address.ts';
import { TextError } from '../base/errors.ts';
import * as icmp from '../wire/icmp.ts';
import { Protocol } from '../wire/ipv4.ts';
import * as tcp from '../wire/tcp.ts';

/** What conntrack is to make of the packet. Without a word it decides by itself, which makes the first packet of a flow NEW. */
export const describedStates = ['new', 'established', 'related', 'invalid', 'untracked'] as const;
export type DescribedState = (typeof describedStates)[number];

export interface DescribedPacket {
  readonly protocol: number;
  readonly src: Ipv4;
  readonly dst: Ipv4;
  /** 0 for a protocol without ports. */
  readonly srcPort: number;
  readonly dstPort: number;
  /** Of TCP, `tcp.Flag`. */
  readonly flags: number;
  /** Maximum segment size in a SYN; 0: no such option. */
  readonly mss: number;
  readonly icmpType: number;
  readonly icmpCode: number;
  readonly ttl: number;
  readonly tos: number;
  /** Of the IP packet; undefined: as long as its headers. */
  readonly length?: number;
  /** Mark on arrival. */
  readonly mark: number;
  readonly state?: DescribedState;
}

const protocols: Record<string, number> = { tcp: Protocol.Tcp, udp: Protocol.Udp, icmp: Protocol.Icmp, sctp: Protocol.Sctp };
const flagWords: Record<string, number> = {
  fin: tcp.Flag.Fin,
  syn: tcp.Flag.Syn,
  rst: tcp.Flag.Rst,
  psh: tcp.Flag.Psh,
  ack: tcp.Flag.Ack,
  urg: tcp.Flag.Urg,
  ece: tcp.Flag.Ece,
  cwr: tcp.Flag.Cwr,
};
const DEFAULT_SOURCE_PORT = 40_000;
const DEFAULT_MSS = 1460;
const GRAMMAR = 'tcp|udp|sctp SRC[:PORT] > DST:PORT, or icmp SRC > DST';

interface Word {
  readonly text: string;
  readonly column: number;
}

/** @throws TextError BAD_INPUT with the column of the word that is wrong, and what was expected */
export function parsePacket(text: string): DescribedPacket {
  return new PacketReader(text).read();
}

class PacketReader {
  readonly #words: Word[];
  readonly #end: number;
  #at = 0;

  constructor(text: string) {
    // The arrow may stand without blanks around it.
    const spaced = /->|→|>|[^\s>→]+?(?=->|→|>|\s|$)/g;
    this.#words = [...text.matchAll(spaced)].map(m => ({ text: m[0], column: m.index + 1 }));
    this.#end = text.length + 1;
  }

  read(): DescribedPacket {
    const protocol = this.#protocol();
    const ports = protocol !== Protocol.Icmp;
    const source = this.#address('the source', ports);
    const arrow = this.#next('">"');
    if (!['>', '->', '→'].includes(arrow.text)) this.#fail(arrow, `expected ">" between source and destination: ${GRAMMAR}`);
    const last = this.#words[this.#at];
    const destination = this.#address('the destination', ports);
    if (ports && destination.port === undefined) this.#fail(last, 'expected a port behind the destination, as in 10.96.0.10:80');
    const seen = this.#rest(protocol);
    const established = seen.state === 'established';
    const flags = protocol !== Protocol.Tcp ? 0 : (seen.flags ?? (established ? tcp.Flag.Ack : tcp.Flag.Syn));
    return {
      protocol,
      src: source.address,
      dst: destination.address,
      srcPort: ports ? (source.port ?? DEFAULT_SOURCE_PORT) : 0,
      dstPort: destination.port ?? 0,
      flags,
      mss: (flags & tcp.Flag.Syn) !== 0 ? (seen.mss ?? DEFAULT_MSS) : 0,
      icmpType: seen.type ?? icmp.Type.Echo,
      icmpCode: seen.code ?? 0,
      ttl: seen.ttl ?? 64,
      tos: seen.tos ?? 0,
      mark: seen.mark ?? 0,
      ...(seen.length !== undefined && { length: seen.length }),
      ...(seen.state !== undefined && { state: seen.state }),
    };
  }

  #protocol(): number {
    const word = this.#next(GRAMMAR);
    return protocols[word.text] ?? this.#fail(word, `unknown protocol "${word.text}": expected ${GRAMMAR}`);
  }

  #address(what: string, ports: boolean): { address: Ipv4; port: number | undefined } {
    const word = this.#next(what);
    const colon = word.text.indexOf(':');
    const address = tryParseIpv4(colon < 0 ? word.text : word.text.slice(0, colon));
    if (address === undefined) this.#fail(word, `expected ${what}, an IPv4 address${ports ? ' and a port' : ''}, found "${word.text}"`);
    if (colon < 0) return { address, port: undefined };
    if (!ports) this.#fail(word, 'icmp has no ports');
    const digits = { text: word.text.slice(colon + 1), column: word.column + colon + 1 };
    return { address, port: this.#numberOf(digits, 'a port', 0, 65_535) };
  }

  #rest(protocol: number) {
    const seen: {
      flags?: number;
      mss?: number;
      type?: number;
      code?: number;
      ttl?: number;
      tos?: number;
      length?: number;
      mark?: number;
      state?: DescribedState;
    } = {};
    while (this.#at < this.#words.length) {
      const word = this.#words[this.#at++]!;
      if (protocol === Protocol.Tcp && flagWords[word.text] !== undefined) {
        seen.flags = (seen.flags ?? 0) | flagWords[word.text]!;
        continue;
      }
      switch (word.text) {
        case 'ttl':
          seen.ttl = this.#number('a TTL', 0, 255);
          break;
        case 'tos':
          seen.tos = this.#number('a TOS', 0, 255);
          break;
        case 'mark':
          seen.mark = this.#number('a mark', 0, 0xffff_ffff);
          break;
        case 'len':
          seen.length = this.#number('a length in bytes', 20, 65_535);
          break;
        case 'state':
          seen.state = this.#state();
          break;
        default:
          if (protocol === Protocol.Tcp && word.text === 'mss') seen.mss = this.#number('a segment size', 0, 65_535);
          else if (protocol === Protocol.Icmp && word.text === 'type') seen.type = this.#number('an ICMP type', 0, 255);
          else if (protocol === Protocol.Icmp && word.text === 'code') seen.code = this.#number('an ICMP code', 0, 255);
          else this.#fail(word, `unknown word "${word.text}": expected ${wordsFor(protocol)}`);
      }
    }
    return seen;
  }

  #state(): DescribedState {
    const word = this.#next(`one of ${describedStates.join(', ')}`);
    const state = describedStates.find(s => s === word.text.toLowerCase());
    return state ?? this.#fail(word, `unknown state "${word.text}": expected one of ${describedStates.join(', ')}`);
  }

  #number(what: string, min: number, max: number): number {
    return this.#numberOf(this.#next(what), what, min, max);
  }

  #numberOf(word: Word, what: string, min: number, max: number): number {
    const value = /^(0x[0-9a-f]+|\d+)$/i.test(word.text) ? Number(word.text) : Number.NaN;
    return value >= min && value <= max ? value : this.#fail(word, `expected ${what}, ${min} to ${max}, found "${word.text}"`);
  }

  #next(expected: string): Word {
    return this.#words[this.#at++] ?? this.#fail(undefined, `expected ${expected}, and the description ends here`);
  }

  #fail(word: Word | undefined, message: string): never {
    throw new TextError('BAD_INPUT', { file: '--packet', line: 1, column: word?.column ?? this.#end }, message);
  }
}

function wordsFor(protocol: number): string {
  const own = protocol === Protocol.Tcp ? 'syn, ack, fin, rst, psh, urg, mss N, ' : protocol === Protocol.Icmp ? 'type N, code N, ' : '';
  return `${own}ttl N, tos N, mark N, len N, state WORD`;
}

/** A server's SYN,ACK, but for its ends. */
export const ACCEPTED: DescribedPacket = {
  protocol: Protocol.Tcp,
  src: 0,
  dst: 0,
  srcPort: 0,
  dstPort: 0,
  flags: tcp.Flag.Syn | tcp.Flag.Ack,
  mss: 1460,
  icmpType: 0,
  icmpCode: 0,
  ttl: 64,
  tos: 0,
  mark: 0,
};

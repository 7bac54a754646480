/**
 * The bytes of a query to the bytes of its answer. What is malformed is answered with FORMERR or dropped, and counted; nothing throws.
 * What counts as malformed follows the server library of CoreDNS (miekg/dns, `acceptfunc.go`).
 */
import type { Random } from '../base/random.ts';
import {
  decode,
  decodeHeader,
  type Edns,
  encode,
  HEADER_LEN,
  type Header,
  type Message,
  MOST_BYTES,
  Opcode,
  PLAIN_UDP_BYTES,
  type Question,
  Rcode,
  rcodeName,
} from '../wire/dns.ts';
import { Class, typeName } from '../wire/dns-record.ts';
import { Counters } from './counters.ts';
import { shuffled } from './load-balance.ts';
import type { Resolution, Resolver } from './resolver.ts';

export type Transport = 'udp' | 'tcp';

/** Asks another server. @returns undefined when there is no answer. */
export type Lookup = (question: Question, recursionDesired: boolean) => Promise<Message | undefined>;

export interface ResponderOptions {
  readonly resolver: Resolver;
  /** For names that are not the cluster's. */
  readonly lookup?: Lookup;
  /** What they get without `lookup`. REFUSED says "ask another", NXDOMAIN "there is none". Default REFUSED. */
  readonly withoutUpstream?: 'REFUSED' | 'NXDOMAIN';
  /** Addresses in a new order with each answer; absent: in the order in which they are kept. */
  readonly random?: Random;
}

type Reply = Pick<Message, 'rcode' | 'answers' | 'authorities' | 'additionals'> & Partial<Header>;
const nothing = { answers: [], authorities: [], additionals: [] } as const;

/** The least size that EDNS can speak of (RFC 6891, section 6.2.3). */
const LEAST_UDP_BYTES = PLAIN_UDP_BYTES;

export class Responder {
  readonly counters = new Counters();
  readonly #options: ResponderOptions;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** @returns undefined: no answer is due. */
  async answer(bytes: Uint8Array, transport: Transport): Promise<Uint8Array | undefined> {
    const header = decodeHeader(bytes);
    if (header === undefined) return this.#drop('short');
    if (header.response) return this.#drop('response'); // two servers would answer each other for ever
    if (header.opcode !== Opcode.Query) return this.#refuse(header, Rcode.NotImp, 'opcode');
    const { questions, answers, authorities, additionals } = header.counts;
    if (questions !== 1 || answers > 1 || authorities > 1 || additionals > 2) return this.#refuse(header, Rcode.FormErr, 'counts');
    const query = decode(bytes);
    if (typeof query === 'string') return this.#refuse(header, Rcode.FormErr, query);
    this.counters.count(`query ${typeName(query.questions[0]!.type)}`);
    return this.#send(query, await this.#reply(query), transport);
  }

  #drop(why: string): undefined {
    this.counters.count(`dropped ${why}`);
  }

  /** A header alone: the rest cannot be trusted. */
  #refuse(header: Header, rcode: number, why: string): Uint8Array {
    this.counters.count(`malformed ${why}`);
    this.counters.count(`response ${rcodeName(rcode)}`);
    const { id, opcode, recursionDesired } = header;
    return encode({ ...noFlags, id, opcode, recursionDesired, rcode, response: true, questions: [], ...nothing }, HEADER_LEN);
  }

  async #reply(query: Message): Promise<Reply> {
    const [question] = query.questions;
    if (query.edns !== undefined && query.edns.version !== 0) return { rcode: Rcode.BadVers, ...nothing };
    if (question!.class !== Class.IN) return { rcode: Rcode.Refused, ...nothing };
    const resolution = this.#options.resolver.resolve(question!);
    if (resolution === undefined) return this.#forward(query);
    return { authoritative: resolution.rcode !== Rcode.Refused, ...(await this.#chased(resolution, query)) };
  }

  async #forward(query: Message): Promise<Reply> {
    const { lookup, withoutUpstream = 'REFUSED' } = this.#options;
    if (lookup === undefined) return { rcode: withoutUpstream === 'REFUSED' ? Rcode.Refused : Rcode.NXDomain, ...nothing };
    this.counters.count('forwarded');
    const theirs = await lookup(query.questions[0]!, query.recursionDesired);
    if (theirs === undefined) return { rcode: Rcode.ServFail, ...nothing };
    const { rcode, authoritative, truncated, recursionAvailable, authenticData, answers, authorities, additionals } = theirs;
    return { rcode, authoritative, truncated, recursionAvailable, authenticData, answers, authorities, additionals };
  }

  /** The CNAME of an ExternalName with what another server says of its target. Nobody to ask, or no answer: the CNAME alone. */
  async #chased(resolution: Resolution, query: Message): Promise<Reply> {
    const { chase, ...reply } = resolution;
    const theirs = chase === undefined ? undefined : await this.#options.lookup?.(chase, query.recursionDesired);
    return theirs === undefined ? reply : { ...reply, truncated: theirs.truncated, answers: [...reply.answers, ...theirs.answers] };
  }

  #send(query: Message, reply: Reply, transport: Transport): Uint8Array {
    const { random } = this.#options;
    const { id, opcode, recursionDesired, checkingDisabled, questions } = query;
    const message: Message = {
      ...noFlags,
      ...reply,
      ...(random === undefined ? {} : { answers: shuffled(reply.answers, random), additionals: shuffled(reply.additionals, random) }),
      ...{ id, opcode, recursionDesired, checkingDisabled, questions, response: true },
      ...(query.edns === undefined ? {} : { edns: ednsOf(query.edns) }),
    };
    this.counters.count(`response ${rcodeName(message.rcode)}`);
    const most = transport === 'tcp' ? MOST_BYTES : Math.max(query.edns?.udpSize ?? 0, LEAST_UDP_BYTES);
    const bytes = encode(message, most);
    if (decodeHeader(bytes)!.truncated) this.counters.count('truncated');
    return bytes;
  }
}

const noFlags = {
  opcode: Opcode.Query,
  authoritative: false,
  truncated: false,
  recursionDesired: false,
  recursionAvailable: false,
  authenticData: false,
  checkingDisabled: false,
} as const;

/** The size comes back as it was asked for, as CoreDNS does it; no option is supported. */
const ednsOf = ({ udpSize, dnssecOk }: Edns): Edns => ({ udpSize, version: 0, dnssecOk, options: new Uint8Array(0) });

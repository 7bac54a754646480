/**
 * Asks other servers, as CoreDNS' plugin `forward` does: over UDP, over TCP where the answer did not fit, the next server where one is silent.
 * An answer is taken from the address and port that were asked, with the number and the question that were sent; anything else is left alone.
 */
import { createSocket } from 'node:dgram';
import { createConnection, isIP } from 'node:net';
import { parseIp } from '../base/ip.ts';
import type { Random } from '../base/random.ts';
import { decode, encode, type Message, Opcode, type Question, Rcode } from '../wire/dns.ts';
import { lower } from '../wire/dns-name.ts';
import { FrameReader, framed } from './tcp-frames.ts';

export interface ForwarderOptions {
  /** `203.0.113.53`, `203.0.113.53:5353`, `[2001:db8::53]:53`; asked in this order. */
  readonly servers: readonly string[];
  readonly random: Random;
  /** For each server. Default 2000. */
  readonly timeoutMs?: number;
  /** Questions that may wait at one time; more are not asked. Default 1000. */
  readonly most?: number;
}

interface Server {
  readonly address: string;
  readonly port: number;
}

const UDP_SIZE = 1232;

export class Forwarder {
  readonly #servers: readonly Server[];
  readonly #random: Random;
  readonly #timeoutMs: number;
  readonly #most: number;
  #waiting = 0;

  constructor({ servers, random, timeoutMs = 2000, most = 1000 }: ForwarderOptions) {
    this.#servers = servers.map(serverOf).filter(server => server !== undefined);
    this.#random = random;
    this.#timeoutMs = timeoutMs;
    this.#most = most;
  }

  /** @returns undefined when none of the servers has answered in time, or too many questions wait. */
  async lookup(question: Question, recursionDesired: boolean): Promise<Message | undefined> {
    if (this.#waiting >= this.#most) return undefined;
    this.#waiting++;
    try {
      for (const server of this.#servers) {
        const answer = await this.#ask(server, question, recursionDesired);
        if (answer !== undefined) return answer;
      }
      return undefined;
    } finally {
      this.#waiting--;
    }
  }

  async #ask(server: Server, question: Question, recursionDesired: boolean): Promise<Message | undefined> {
    const query: Message = {
      ...{ id: this.#random.below(0x1_0000), opcode: Opcode.Query, rcode: Rcode.NoError },
      ...{ response: false, authoritative: false, truncated: false, recursionDesired, recursionAvailable: false },
      ...{ authenticData: false, checkingDisabled: false, questions: [question], answers: [], authorities: [], additionals: [] },
      edns: { udpSize: UDP_SIZE, version: 0, dnssecOk: false, options: new Uint8Array(0) },
    };
    const short = await this.#exchange(query, (bytes, take, end) => overUdp(server, bytes, take, end));
    if (short?.truncated !== true) return short;
    return (await this.#exchange(query, (bytes, take, end) => overTcp(server, bytes, take, end))) ?? short;
  }

  #exchange(query: Message, send: Send): Promise<Message | undefined> {
    return new Promise(resolve => {
      let close = () => {};
      const end = (answer?: Message): void => {
        clearTimeout(timer);
        close();
        resolve(answer);
      };
      const timer = setTimeout(end, this.#timeoutMs);
      const take = (bytes: Uint8Array): void => {
        const message = decode(bytes);
        if (typeof message !== 'string' && answers(message, query)) end(message);
      };
      close = send(encode(query), take, () => end());
    });
  }
}

/** @returns what closes it */
type Send = (query: Uint8Array, take: (bytes: Uint8Array) => void, end: () => void) => () => void;

function answers(message: Message, query: Message): boolean {
  const [theirs] = message.questions;
  const [ours] = query.questions;
  if (!message.response || message.id !== query.id || message.questions.length !== 1) return false;
  return lower(theirs!.name) === lower(ours!.name) && theirs!.type === ours!.type && theirs!.class === ours!.class;
}

/** Each question from a port of its own that the kernel draws: together with the number it is hard to guess (RFC 5452). */
function overUdp({ address, port }: Server, query: Uint8Array, take: (bytes: Uint8Array) => void, end: () => void): () => void {
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  let open = true;
  socket.on('message', take);
  socket.on('error', end); // ECONNREFUSED: nobody listens there
  socket.connect(port, address, () => open && socket.send(query));
  return () => {
    if (open) socket.close();
    open = false;
  };
}

function overTcp({ address, port }: Server, query: Uint8Array, take: (bytes: Uint8Array) => void, end: () => void): () => void {
  const socket = createConnection({ port, host: address });
  const frames = new FrameReader(take);
  socket.on('connect', () => socket.write(framed(query)));
  socket.on('data', chunk => frames.push(chunk));
  socket.on('error', () => undefined); // `close` follows
  socket.on('close', end);
  return () => socket.destroy();
}

/** @returns undefined for what is no address */
export function serverOf(text: string): Server | undefined {
  const [, host = text, port = '53'] = /^\[([^\]]+)\](?::(\d+))?$/.exec(text) ?? /^([^:]+):(\d+)$/.exec(text) ?? [];
  const ip = parseIp(host);
  return ip === undefined || Number(port) < 1 || Number(port) > 65_535 ? undefined : { address: ip.text, port: Number(port) };
}

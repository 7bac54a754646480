/**
 * The sockets of a name server: UDP and TCP on one port. Over TCP questions may follow each other on one connection and are answered as the
 * answers come (RFC 7766); a connection that is silent or asks without reading is closed, and there are only so many.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, isIP, type Socket, type Server as TcpServer } from 'node:net';
import type { Exchange } from './query-log.ts';
import type { Responder, Transport } from './responder.ts';
import { FrameReader, framed } from './tcp-frames.ts';

export interface DnsServerOptions {
  readonly responder: Responder;
  readonly address: string;
  /** 0: one that the kernel draws, the same for both. */
  readonly port: number;
  /** A connection without a question for so long is closed. Default 10,000. */
  readonly idleMs?: number;
  /** Connections at one time; more are closed at once. Default 500. */
  readonly mostConnections?: number;
  /** Told of each query that was answered. */
  readonly observe?: (exchange: Exchange) => void;
}

const IDLE_MS = 10_000;
const MOST_CONNECTIONS = 500;
/** Questions of one connection that may be worked on at one time. */
const MOST_PENDING = 100;

export class DnsServer {
  readonly responder: Responder;
  readonly #udp: UdpSocket;
  readonly #tcp: TcpServer;
  readonly #connections = new Set<Socket>();
  readonly #idleMs: number;
  readonly #observe: DnsServerOptions['observe'];

  private constructor({ responder, address, idleMs = IDLE_MS, mostConnections = MOST_CONNECTIONS, observe }: DnsServerOptions) {
    this.responder = responder;
    this.#observe = observe;
    this.#idleMs = idleMs;
    this.#udp = createSocket({ type: isIP(address) === 6 ? 'udp6' : 'udp4' });
    this.#udp.on('message', (query, { address, port }) => void this.#overUdp(query, address, port));
    this.#tcp = createServer(socket => this.#connected(socket));
    this.#tcp.maxConnections = mostConnections;
    this.#tcp.on('drop', () => responder.counters.count('dropped connection'));
  }

  /** @throws the error of the socket when the address or port cannot be had (EADDRINUSE, EACCES) */
  static async listen(options: DnsServerOptions): Promise<DnsServer> {
    const server = new DnsServer(options);
    try {
      await settled(server.#udp, 'listening', () => server.#udp.bind(options.port, options.address));
      await settled(server.#tcp, 'listening', () => server.#tcp.listen(server.port, options.address));
    } catch (error) {
      await server.close();
      throw error;
    }
    server.#udp.on('error', () => responderCount(server, 'udp error')); // an ICMP error of an earlier answer: the next is not concerned
    server.#tcp.on('error', () => responderCount(server, 'tcp error'));
    return server;
  }

  get port(): number {
    return this.#udp.address().port;
  }

  /** No new questions; open connections are cut. */
  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    await Promise.all([
      new Promise<void>(resolve => {
        try {
          this.#udp.close(resolve);
        } catch {
          resolve(); // it never opened
        }
      }),
      new Promise<void>(resolve => this.#tcp.close(() => resolve())),
    ]);
  }

  async #overUdp(query: Uint8Array, address: string, port: number): Promise<void> {
    const answer = await this.#answer(query, 'udp', address, port);
    if (answer === undefined) return;
    try {
      this.#udp.send(answer, port, address, error => error && responderCount(this, 'udp error'));
    } catch {
      responderCount(this, 'udp error'); // closed meanwhile, or port 0
    }
  }

  async #answer(query: Uint8Array, transport: Transport, address = '', port = 0): Promise<Uint8Array | undefined> {
    const observe = this.#observe;
    if (observe === undefined) return this.responder.answer(query, transport);
    const start = performance.now();
    const answer = await this.responder.answer(query, transport);
    const from = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    if (answer !== undefined) observe({ query, answer, from, transport, seconds: (performance.now() - start) / 1000 });
    return answer;
  }

  #connected(socket: Socket): void {
    this.#connections.add(socket);
    let pending = 0;
    const frames = new FrameReader(query => {
      pending++;
      if (pending >= MOST_PENDING) socket.pause();
      void this.#answer(query, 'tcp', socket.remoteAddress, socket.remotePort).then(answer => {
        pending--;
        if (socket.destroyed) return;
        const flows = answer === undefined ? !socket.writableNeedDrain : socket.write(framed(answer));
        if (!flows)
          socket.pause(); // who does not read is not read either
        else if (pending < MOST_PENDING) socket.resume();
      });
    });
    socket.setTimeout(this.#idleMs, () => socket.destroy());
    socket.on('data', chunk => frames.push(chunk));
    socket.on('drain', () => socket.resume());
    socket.on('error', () => undefined); // `close` follows
    socket.on('close', () => this.#connections.delete(socket));
  }
}

const responderCount = (server: DnsServer, what: string): void => server.responder.counters.count(what);

type Emitter = {
  once(event: string, listener: (error?: Error) => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
};

/** Waits for `event`, or for the error that comes in its place. */
function settled(emitter: Emitter, event: string, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => reject(error);
    emitter.once('error', fail);
    emitter.once(event, () => {
      emitter.removeListener('error', fail);
      resolve();
    });
    start();
  });
}

/**
 * The API server: HTTP over TLS (or without it, for sockets that nobody else can reach), with limits on everything that a client may hold open.
 * It listens where it is told: on an address, or on a socket that was opened elsewhere, for a lab that lives in namespaces of its own.
 */
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, ListenOptions, Socket } from 'node:net';
import { type Random, systemRandom } from '../base/random.ts';
import type { Store } from '../cluster/store/store.ts';
import { Handler } from './handler.ts';
import type { PodStreams } from './pod-streams.ts';
import { TokenCheck } from './token.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly token: string;
  /** PEM. Absent: plain HTTP. */
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly pods?: PodStreams;
  readonly random?: Random;
  /** Told of what went wrong inside. */
  readonly report: (error: unknown) => void;
  readonly stallMs?: number;
  /** Until the head and the body of a request must be there. */
  readonly requestMs?: number;
}

const HEAD_MS = 10_000;
const REQUEST_MS = 30_000;
const HANDSHAKE_MS = 10_000;
const IDLE_MS = 120_000;
const MOST_CONNECTIONS = 4096;
const MOST_HEADER_BYTES = 32 * 1024;

export class ApiServer {
  readonly #server: Server;
  readonly #handler: Handler;
  readonly #sockets = new Set<Socket>();
  readonly #isTls: boolean;

  constructor({ store, token, tls, pods, random = systemRandom(), report, stallMs, requestMs = REQUEST_MS }: ApiServerOptions) {
    this.#isTls = tls !== undefined;
    const limits = {
      headersTimeout: Math.min(HEAD_MS, requestMs),
      requestTimeout: requestMs,
      keepAliveTimeout: IDLE_MS,
      connectionsCheckingInterval: Math.min(5000, requestMs),
      maxHeaderSize: MOST_HEADER_BYTES,
      noDelay: true,
    };
    this.#server =
      tls === undefined
        ? createServer(limits)
        : (createTlsServer({
            ...limits,
            cert: tls.certificate,
            key: tls.key,
            minVersion: 'TLSv1.2',
            handshakeTimeout: HANDSHAKE_MS,
          }) as unknown as Server);
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#handler = new Handler({ store, token: new TokenCheck(token), random, pods, host: () => this.host, report, stallMs });
    this.#server.on('request', (request, response) => void this.#handler.handle(request, response));
    this.#server.on('upgrade', (request, socket, head) => void this.#handler.upgrade(request, socket, head));
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** @param where `{ host, port }`, `{ path }`, or `{ fd }` of a socket that listens already */
  listen(where: ListenOptions & { fd?: number }): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** `127.0.0.1:6443` */
  get host(): string {
    const address = this.#server.address() as AddressInfo | string | null;
    return address === null || typeof address === 'string'
      ? 'localhost'
      : `${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
  }
  /** `https://127.0.0.1:6443` */
  get url(): string {
    return `${this.#isTls ? 'https' : 'http'}://${this.host}`;
  }
  get watches(): number {
    return this.#handler.watches;
  }
  get connections(): number {
    return this.#sockets.size;
  }

  /** Ends every connection. */
  close(): Promise<void> {
    this.#handler.close();
    return new Promise(resolve => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }
}

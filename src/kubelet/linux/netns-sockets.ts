/** Connections and looks from inside of other network namespaces: a thread does it that goes there for the moment in which a socket is made. */
import { Duplex } from 'node:stream';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { HttpCheck } from '../runtime.ts';

export interface Target {
  /** Path of the network namespace from which it is asked. */
  readonly netns: string;
  readonly address: string;
  readonly port: number;
}

export type SocketRequest =
  | ({ readonly kind: 'tcp'; readonly id: number; readonly timeoutMs: number } & Target)
  | ({ readonly kind: 'http'; readonly id: number } & Omit<HttpCheck, 'address' | 'port'> & Target)
  | ({ readonly kind: 'open'; readonly id: number; readonly stream: MessagePort } & Target);
/** `amiss`: what went wrong. */
export interface SocketAnswer {
  readonly id: number;
  readonly amiss?: string;
}

type Ask = SocketRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never;

/** Bytes that may be under way before the other side has taken some. */
export const WINDOW_BYTES = 1 << 20;

export class NetnsSockets {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, (amiss: string | undefined) => void>();
  #next = 0;

  checkTcp(target: Target & { readonly timeoutMs: number }): Promise<string | undefined> {
    return this.#ask({ kind: 'tcp', ...target });
  }
  checkHttp(check: HttpCheck & { readonly netns: string }): Promise<string | undefined> {
    return this.#ask({ kind: 'http', ...check });
  }

  /** @throws Error when nobody listens there */
  async open(target: Target): Promise<Duplex> {
    const { port1, port2 } = new MessageChannel();
    const amiss = await this.#ask({ kind: 'open', stream: port2, ...target }, [port2]);
    if (amiss === undefined) return portStream(port1);
    port1.close();
    throw new Error(amiss);
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
    for (const resolve of this.#waiting.values()) resolve('the node has gone');
    this.#waiting.clear();
  }

  #ask(request: Ask, transfer: readonly MessagePort[] = []): Promise<string | undefined> {
    const worker = this.#thread();
    const id = this.#next++;
    return new Promise(resolve => {
      this.#waiting.set(id, resolve);
      worker.postMessage({ ...request, id }, [...transfer]);
    });
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL('./netns-sockets-thread.ts', import.meta.url));
    worker.unref();
    worker.on('message', ({ id, amiss }: SocketAnswer) => {
      this.#waiting.get(id)?.(amiss);
      this.#waiting.delete(id);
    });
    worker.on('error', error => {
      for (const resolve of this.#waiting.values()) resolve(error.message);
      this.#waiting.clear();
      this.#worker = undefined;
    });
    this.#worker = worker;
    return worker;
  }
}

/** Bytes over a port, and `null` for the end of them; a number is how many the other side has taken. */
export type PortMessage = Uint8Array | null | number;

/** A stream over a message port, with a window each way. */
export function portStream(port: MessagePort): Duplex {
  let underWay = 0;
  let proceed: (() => void) | undefined;
  const stream = new Duplex({
    allowHalfOpen: true,
    read() {},
    write(chunk: Buffer, _, done) {
      port.postMessage(new Uint8Array(chunk));
      underWay += chunk.length;
      if (underWay < WINDOW_BYTES) done();
      else proceed = done;
    },
    final(done) {
      port.postMessage(null);
      done();
    },
    destroy(error, done) {
      port.close();
      done(error);
    },
  });
  port.on('message', (message: PortMessage) => {
    if (typeof message === 'number') {
      underWay -= message;
      const go = underWay < WINDOW_BYTES ? proceed : undefined;
      if (go !== undefined) proceed = undefined;
      go?.();
    } else if (message === null) stream.push(null);
    else stream.push(Buffer.from(message));
  });
  const taken = (chunk: Buffer): void => port.postMessage(chunk.length);
  // what was read was taken: `data` and `pipe` both go through here
  const push = stream.read.bind(stream);
  stream.read = (size?: number) => {
    const chunk = push(size);
    if (chunk !== null) taken(chunk);
    return chunk;
  };
  port.on('close', () => stream.destroy());
  return stream;
}

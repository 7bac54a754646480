import { type Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { ApiServer, type ApiServerOptions } from '../../src/apiserver/server.ts';
import { wallClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { bootstrap, newClusterStore, startHousekeeping } from '../../src/cluster/bootstrap.ts';
import type { Store, StoreOptions } from '../../src/cluster/store/store.ts';

export interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: the answers of the API are looked into freely in tests
  json: any;
}

/** An API server on a port of its own, and a client that is let in. */
export class Api {
  readonly store: Store;
  readonly server: ApiServer;
  readonly errors: unknown[] = [];
  readonly #stopHousekeeping: () => void;
  port = 0;

  constructor(storeOptions: Partial<StoreOptions> = {}, options: Partial<ApiServerOptions> = {}, store?: Store) {
    this.store = store ?? newClusterStore({ clock: wallClock, random: new SeededRandom(1), ...storeOptions });
    bootstrap(this.store);
    this.#stopHousekeeping = startHousekeeping(this.store);
    this.server = new ApiServer({
      store: this.store,
      token: 'sesame',
      random: new SeededRandom(1),
      report: error => void this.errors.push(error),
      ...options,
    });
  }
  async start(port = 0): Promise<this> {
    await this.server.listen({ host: '127.0.0.1', port });
    this.port = Number(this.server.host.split(':')[1]);
    return this;
  }
  async stop(): Promise<void> {
    this.#stopHousekeeping();
    await this.server.close();
  }

  open(method: string, path: string, headers: Record<string, string> = {}, agent?: Agent): ClientRequest {
    return request({
      host: '127.0.0.1',
      port: this.port,
      method,
      path,
      headers: { authorization: 'Bearer sesame', ...headers },
      ...(agent === undefined ? {} : { agent }),
    });
  }
  send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = this.open(method, path, { 'content-type': 'application/json', ...headers });
      sent.on('error', reject);
      sent.on('response', (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => void chunks.push(chunk));
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = response.headers['content-type']?.includes('json') === true;
          resolve({ code: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? JSON.parse(text) : undefined });
        });
      });
      sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
    });
  }
  get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send('GET', path, undefined, headers);
  }
  patch(path: string, kind: 'json' | 'merge' | 'strategic-merge' | 'apply', body: unknown): Promise<Answer> {
    return this.send('PATCH', path, body, {
      'content-type': kind === 'apply' ? 'application/apply-patch+yaml' : `application/${kind}-patch+json`,
    });
  }
  /** Reads a watch until there are so many events, and ends it. */
  watch(
    path: string,
    count: number,
    headers: Record<string, string> = {},
    onOpen: () => void = () => {},
  ): Promise<Record<string, unknown>[]> {
    return new Promise((resolve, reject) => {
      const sent = this.open('GET', path, headers);
      const events: Record<string, unknown>[] = [];
      let rest = '';
      sent.on('error', reject);
      sent.on('response', response => {
        onOpen();
        response.on('data', (chunk: Buffer) => {
          rest += chunk.toString();
          const lines = rest.split('\n');
          rest = lines.pop()!;
          events.push(...lines.map(line => JSON.parse(line) as Record<string, unknown>));
          if (events.length < count) return;
          resolve(events);
          sent.destroy();
        });
        response.on('end', () => resolve(events));
        response.on('error', () => resolve(events));
      });
      sent.end();
    });
  }
}

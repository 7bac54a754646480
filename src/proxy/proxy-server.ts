/**
 * The two servers of a proxy (kubernetes `cmd/kube-proxy/app/server.go`): metrics at 127.0.0.1:10249, for who looks from the node itself,
 * and health at port 10256 of every address, for load balancers.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { sendAnswer } from './http-answer.ts';
import type { ProxyMetrics } from './metrics.ts';
import type { HealthAnswer, ProxyHealth } from './proxy-health.ts';
import { type Listen, listenHere } from './service-health.ts';

export const METRICS_PORT = 10_249;
export const HEALTHZ_PORT = 10_256;

export interface ProxyServerOptions {
  readonly metrics: ProxyMetrics;
  /** Called before the metrics are shown: for those that are read and not counted. */
  readonly collect?: () => Promise<void>;
  readonly health: ProxyHealth;
  readonly mode: 'iptables';
  readonly listen?: Listen;
  readonly metricsPort?: number;
  readonly healthzPort?: number;
}

type Page = (response: ServerResponse) => void | Promise<void>;

export class ProxyServer {
  readonly #options: ProxyServerOptions;
  readonly #servers: Server[] = [];

  constructor(options: ProxyServerOptions) {
    this.#options = options;
  }

  /** @throws what `listen` throws when a port is taken; nothing listens then */
  async open(): Promise<void> {
    const { listen = listenHere, metricsPort = METRICS_PORT, healthzPort = HEALTHZ_PORT } = this.#options;
    const wanted = [
      [this.#metricsPages(), '127.0.0.1', metricsPort],
      [this.#healthPages(), '0.0.0.0', healthzPort],
    ] as const;
    try {
      for (const [pages, address, port] of wanted) {
        const server = createServer((request, response) => answer(pages, request, response));
        await listen(server, address, port);
        server.unref();
        this.#servers.push(server);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    const closing = this.#servers.splice(0).map(server => {
      server.closeAllConnections();
      return new Promise(resolve => server.close(resolve));
    });
    await Promise.all(closing);
  }

  #metricsPages(): Record<string, Page> {
    const { metrics, collect, mode } = this.#options;
    return {
      '/metrics': async response => {
        await collect?.();
        send(response, 'text/plain; version=0.0.4; charset=utf-8', metrics.text());
      },
      '/proxyMode': response => send(response, 'text/plain; charset=utf-8', mode),
      '/healthz': response => send(response, 'text/plain; charset=utf-8', 'ok'),
    };
  }

  #healthPages(): Record<string, Page> {
    const { health, metrics } = this.#options;
    const page = (metric: 'healthz' | 'livez', look: () => HealthAnswer) => (response: ServerResponse) => {
      const { status, body } = look();
      metrics.add(metric, 1, { code: String(status) });
      send(response, 'application/json', body, status);
    };
    return { '/healthz': page('healthz', () => health.healthz()), '/livez': page('livez', () => health.livez()) };
  }
}

function answer(pages: Readonly<Record<string, Page>>, request: IncomingMessage, response: ServerResponse): void {
  const page = pages[request.url?.split('?', 1)[0] ?? ''];
  if (page === undefined) send(response, 'text/plain; charset=utf-8', '404 page not found\n', 404);
  else void page(response);
}

const send = (response: ServerResponse, type: string, body: string, status = 200): void =>
  sendAnswer(response, status, { 'Content-Type': type, 'X-Content-Type-Options': 'nosniff' }, body);

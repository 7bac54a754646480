/**
 * Health check node ports: a load balancer asks each node whether it has a ready endpoint of a Service with externalTrafficPolicy Local
 * (kubernetes `pkg/proxy/healthcheck/service_health.go`). One HTTP server for each Service and address.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { sendAnswer } from './http-answer.ts';

/** How a server comes to listen: in a node's namespace a socket has to be made there. @throws when the port is taken */
export type Listen = (server: Server, address: string, port: number) => Promise<void>;

export const listenHere: Listen = (server, address, port) =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });

export interface ServiceHealthOptions {
  /** Where to listen: `0.0.0.0`, or the node's addresses that take node ports. */
  readonly addresses: readonly string[];
  readonly listen?: Listen;
  /** Is the proxy itself well? */
  readonly proxyHealthy: () => boolean;
  readonly log: (line: string) => void;
}

interface Check {
  readonly port: number;
  readonly servers: Server[];
  endpoints: number;
}

export class ServiceHealthServer {
  readonly #options: ServiceHealthOptions;
  readonly #checks = new Map<string, Check>();
  /** Ports are opened and closed one change after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: ServiceHealthOptions) {
    this.#options = options;
  }

  /** @param ports by `namespace/name`. Those that stay are left alone; one that cannot be opened is said, and tried with the next sync */
  syncServices(ports: ReadonlyMap<string, number>): void {
    const wanted = new Map(ports);
    this.#work = this.#work.then(() => this.#sync(wanted));
  }
  /** @param counts of local ready endpoints by `namespace/name`; who is not named has none */
  syncEndpoints(counts: ReadonlyMap<string, number>): void {
    const now = new Map(counts);
    this.#work = this.#work.then(() => {
      for (const [service, check] of this.#checks) check.endpoints = now.get(service) ?? 0;
    });
  }
  /** What was asked for until now is done. */
  settled(): Promise<void> {
    return this.#work;
  }
  async close(): Promise<void> {
    this.syncServices(new Map());
    await this.#work;
  }

  async #sync(wanted: ReadonlyMap<string, number>): Promise<void> {
    for (const [service, check] of this.#checks) {
      if (wanted.get(service) === check.port) continue;
      this.#checks.delete(service);
      await closeAll(check.servers);
    }
    for (const [service, port] of wanted) if (!this.#checks.has(service)) await this.#open(service, port);
  }

  async #open(service: string, port: number): Promise<void> {
    const { addresses, listen = listenHere, log } = this.#options;
    const check: Check = { port, servers: [], endpoints: 0 };
    try {
      for (const address of addresses) {
        const server = createServer((_request, response) => this.#answer(service, response));
        await listen(server, address, port);
        server.unref();
        check.servers.push(server);
      }
      this.#checks.set(service, check);
    } catch (error) {
      await closeAll(check.servers);
      log(`health check of Service ${service} cannot listen on port ${port}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #answer(service: string, response: ServerResponse): void {
    const count = this.#checks.get(service)?.endpoints ?? 0;
    const healthy = this.#options.proxyHealthy();
    const headers = {
      'Content-Type': 'application/json',
      'X-Content-Type-Options': 'nosniff',
      'X-Load-Balancing-Endpoint-Weight': String(count),
    };
    sendAnswer(response, count > 0 && healthy ? 200 : 503, headers, healthText(service, count, healthy));
  }
}

/** Indented by tabs and without a line feed at its end, as kube-proxy writes it. @param service `namespace/name` */
export function healthText(service: string, localEndpoints: number, serviceProxyHealthy: boolean): string {
  const [namespace, name] = service.split('/');
  return JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }, null, '\t');
}

const closeAll = (servers: readonly Server[]): Promise<unknown> =>
  Promise.all(
    servers.map(server => {
      server.closeAllConnections();
      return new Promise(resolve => server.close(resolve));
    }),
  );

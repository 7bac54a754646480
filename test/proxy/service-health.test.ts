import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { ServiceHealthServer } from '../../src/proxy/service-health.ts';

const open: ServiceHealthServer[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

/** A port that nobody has, and one that somebody has. */
async function ports(): Promise<{ free: number; taken: number; done: () => void }> {
  const [a, b] = [createServer(), createServer()];
  for (const s of [a, b]) await new Promise<void>(resolve => s.listen(0, '127.0.0.1', resolve));
  const free = (a.address() as AddressInfo).port;
  await new Promise(resolve => a.close(resolve));
  return { free, taken: (b.address() as AddressInfo).port, done: () => b.close() };
}

describe('health check node port', () => {
  test('answers as kube-proxy does: 200 with endpoints here, else 503', async () => {
    const { free, done } = await ports();
    let healthy = true;
    const server = new ServiceHealthServer({ addresses: ['127.0.0.1'], proxyHealthy: () => healthy, log: () => {} });
    open.push(server);
    server.syncServices(new Map([['default/web', free]]));
    server.syncEndpoints(
      new Map([
        ['default/web', 2],
        ['default/other', 1],
      ]),
    );
    await server.settled();
    const get = () => fetch(`http://127.0.0.1:${free}/healthz`);
    const well = await get();
    expect(well.status).toBe(200);
    expect(Object.fromEntries(well.headers)).toMatchObject({
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'x-load-balancing-endpoint-weight': '2',
    });
    expect(await well.text()).toBe(
      '{\n\t"service": {\n\t\t"namespace": "default",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
    );
    healthy = false;
    expect((await get()).status).toBe(503);
    healthy = true;
    server.syncEndpoints(new Map());
    await server.settled();
    const none = await get();
    expect([none.status, none.headers.get('x-load-balancing-endpoint-weight')]).toEqual([503, '0']);
    server.syncServices(new Map());
    await server.settled();
    await expect(get()).rejects.toThrow();
    done();
  });

  test('a port that is taken is said and tried again, and the others are opened', async () => {
    const { free, taken, done } = await ports();
    const log: string[] = [];
    const server = new ServiceHealthServer({ addresses: ['127.0.0.1'], proxyHealthy: () => true, log: line => void log.push(line) });
    open.push(server);
    server.syncServices(
      new Map([
        ['default/a', taken],
        ['default/b', free],
      ]),
    );
    await server.settled();
    expect(log).toEqual([expect.stringMatching(/^health check of Service default\/a cannot listen on port \d+: .*EADDRINUSE/)]);
    expect((await fetch(`http://127.0.0.1:${free}/`)).status).toBe(503);
    done();
  });
});

import type { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.ts';
import { ProxyMetrics } from '../../src/proxy/metrics.ts';
import { ProxyHealth } from '../../src/proxy/proxy-health.ts';
import { ProxyServer } from '../../src/proxy/proxy-server.ts';
import type { Listen } from '../../src/proxy/service-health.ts';

const EPOCH_MS = Date.UTC(2026, 10, 20, 12, 0, 0);

function health(): { clock: VirtualClock; health: ProxyHealth } {
  const clock = new VirtualClock();
  return { clock, health: new ProxyHealth({ clock, epochMs: () => EPOCH_MS + clock.nowMs() }) };
}

describe('health of a proxy', () => {
  test('a change may wait two sync periods for its rules', () => {
    const { clock, health: h } = health();
    h.queued();
    clock.advance(100_000);
    expect(h.isHealthy()).toBe(true); // it is starting
    h.updated();
    clock.advance(100_000);
    expect(h.isHealthy()).toBe(true); // nothing waits
    h.queued();
    clock.advance(40_000);
    h.queued(); // the oldest counts
    clock.advance(19_999);
    expect(h.isHealthy()).toBe(true);
    clock.advance(1);
    expect(h.isHealthy()).toBe(false);
    h.updated();
    expect(h.isHealthy()).toBe(true);
  });

  test('says since when it is not well, and that the node is leaving', () => {
    const { clock, health: h } = health();
    clock.advance(1500);
    h.updated();
    const body =
      '{"lastUpdated": "2026-11-20 12:00:01.500 +0000 UTC m=+1.500000000","currentTime": "2026-11-20 12:00:01.500 +0000 UTC m=+1.500000000"';
    expect(h.healthz()).toEqual({ status: 200, body: `${body}, "nodeEligible": true}` });
    expect(h.livez()).toEqual({ status: 200, body: `${body}}` });
    h.nodeEligible = false;
    expect([h.healthz().status, h.livez().status]).toEqual([503, 200]);
    h.queued();
    clock.advance(60_000);
    expect(h.livez()).toEqual({
      status: 503,
      body: '{"lastUpdated": "2026-11-20 12:00:01.500 +0000 UTC m=+1.500000000","currentTime": "2026-11-20 12:01:01.500 +0000 UTC m=+61.500000000"}',
    });
  });
});

describe('servers of a proxy', () => {
  const open: ProxyServer[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  /** By the port that was asked for: where it listens. */
  async function serve(): Promise<{ metrics: ProxyMetrics; at: Map<number, string>; health: ProxyHealth }> {
    const at = new Map<number, string>();
    const listen: Listen = (server, _address, port) =>
      new Promise(resolve =>
        server.listen(0, '127.0.0.1', () => {
          at.set(port, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
          resolve();
        }),
      );
    const metrics = new ProxyMetrics('IPv4');
    const { health: h } = health();
    const server = new ProxyServer({ metrics, health: h, mode: 'iptables', listen });
    open.push(server);
    await server.open();
    return { metrics, at, health: h };
  }

  test('metrics under the names of kube-proxy, the mode, and a sign of life at 10249', async () => {
    const { at, metrics } = await serve();
    metrics.add('restoreFailures');
    const base = at.get(10_249)!;
    const answer = await fetch(`${base}/metrics`);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"} 1\n');
    expect(await (await fetch(`${base}/proxyMode`)).text()).toBe('iptables');
    expect(await (await fetch(`${base}/healthz`)).text()).toBe('ok');
    expect((await fetch(`${base}/other`)).status).toBe(404);
  });

  test('health at 10256 for load balancers, and each answer is counted', async () => {
    const { at, metrics, health: h } = await serve();
    const base = at.get(10_256)!;
    expect((await fetch(`${base}/healthz`)).status).toBe(200);
    h.nodeEligible = false;
    const answer = await fetch(`${base}/healthz`);
    expect([answer.status, answer.headers.get('x-content-type-options')]).toEqual([503, 'nosniff']);
    expect(await answer.json()).toMatchObject({ nodeEligible: false });
    expect((await fetch(`${base}/livez`)).status).toBe(200);
    expect(metrics.text()).toContain('kubeproxy_proxy_healthz_total{code="200"} 1\nkubeproxy_proxy_healthz_total{code="503"} 1\n');
    expect(metrics.text()).toContain('kubeproxy_proxy_livez_total{code="200"} 1\n');
  });

  test('a port that is taken is an error, and nothing listens then', async () => {
    const listened: unknown[] = [];
    const listen: Listen = async (server, _address, port) => {
      if (port === 10_256) throw new Error('EADDRINUSE');
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
      listened.push(server);
    };
    const server = new ProxyServer({ metrics: new ProxyMetrics('IPv4'), health: health().health, mode: 'iptables', listen });
    await expect(server.open()).rejects.toThrow('EADDRINUSE');
    expect(listened.map(s => (s as ReturnType<typeof createServer>).listening)).toEqual([false]);
  });
});

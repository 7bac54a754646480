import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { ClusterObject } from '../../../src/cluster/objects/types.ts';
import { type Accounting, noAccounting } from '../../../src/lab/proxy/accounting.ts';
import { NodeProxy } from '../../../src/lab/proxy/node-proxy.ts';
import type { Listen } from '../../../src/proxy/service-health.ts';
import { VirtualTimers } from '../../proxy/timers.ts';
import { added, nodeConfig, service, slice, ToolPlane } from './plane.ts';

const open: NodeProxy[] = [];
afterEach(async () => {
  for (const proxy of open.splice(0)) await proxy.close();
});

interface Running {
  plane: ToolPlane;
  proxy: NodeProxy;
  timers: VirtualTimers;
  log: string[];
  /** By the port that was asked for. */
  url(port: number): string;
}

async function running(objects: readonly ClusterObject[], accounting: Accounting = noAccounting): Promise<Running> {
  const plane = new ToolPlane();
  const timers = new VirtualTimers();
  const log: string[] = [];
  const at = new Map<number, number>();
  const listen: Listen = (server, _address, port) =>
    new Promise(resolve =>
      server.listen(0, '127.0.0.1', () => {
        at.set(port, (server.address() as AddressInfo).port);
        resolve();
      }),
    );
  const options = { node: 'node1', config: nodeConfig, plane, listen, accounting, log: (line: string) => void log.push(line) };
  const proxy = new NodeProxy({ ...options, clock: timers.clock, after: timers.after });
  open.push(proxy);
  for (const object of objects) proxy.change(added(object));
  await proxy.start();
  await proxy.sync();
  return { plane, proxy, timers, log, url: port => `http://127.0.0.1:${at.get(port)}` };
}

const web = service('web');
const endpoints = (rules: string): string[] => [...rules.matchAll(/--to-destination (\S+)/g)].map(m => m[1]!).sort();

describe('kube-proxy of a node', () => {
  test('writes the rules of what changed', async () => {
    const { plane, proxy, timers } = await running([web, slice('web', ['10.244.1.2'])]);
    expect(endpoints(plane.text())).toEqual(['10.244.1.2:8080']);
    await timers.advance(1000);
    proxy.change({ previous: slice('web', ['10.244.1.2']), current: slice('web', ['10.244.1.2', '10.244.2.2']) });
    expect(await proxy.sync()).toMatchObject({ ok: true, full: false });
    expect(endpoints(plane.text())).toEqual(['10.244.1.2:8080', '10.244.2.2:8080']);
    await timers.advance(1000);
    proxy.change({ previous: web, current: undefined });
    await proxy.sync();
    expect(plane.text()).not.toContain('default/web');
  });

  test('counts under names where the node has accounting objects, and tells it; elsewhere rules go uncounted', async () => {
    const web = service('web', { type: 'NodePort', ports: [{ name: '', protocol: 'TCP', port: 80, nodePort: 30_080 }] });
    const counted = new Map<string, number>();
    const accounting: Accounting = {
      ensure: name => {
        counted.set(name, counted.get(name) ?? 0);
        return true;
      },
      packets: name => counted.get(name),
    };
    const { plane, url } = await running([web, slice('web', ['10.244.1.2'])], accounting);
    expect(plane.text()).toMatch(
      /-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name {2}ct_state_invalid_dropped_pkts -j DROP/,
    );
    expect(plane.text()).toMatch(
      /-A KUBE-NODEPORTS -d 127\.0\.0\.0\/8 .*-m nfacct --nfacct-name {2}localhost_nps_accepted_pkts -j KUBE-EXT-/,
    );
    counted.set('localhost_nps_accepted_pkts', 3);
    const lines = (await (await fetch(`${url(10_249)}/metrics`)).text()).split('\n').filter(line => line.startsWith('kubeproxy_iptables_'));
    expect(lines).toEqual([
      'kubeproxy_iptables_ct_state_invalid_dropped_packets_total 0',
      'kubeproxy_iptables_localhost_nodeports_accepted_packets_total 3',
    ]);

    const without = await running([web, slice('web', ['10.244.1.2'])]);
    expect(without.plane.text()).not.toContain('nfacct');
    expect(await (await fetch(`${without.url(10_249)}/metrics`)).text()).not.toContain('kubeproxy_iptables_');
  });

  test('a data plane that refuses keeps the old rules; all are written when the next try goes well', async () => {
    const { plane, proxy, timers, log, url } = await running([web, slice('web', ['10.244.1.2'])]);
    const before = plane.text();
    await timers.advance(1000);
    plane.refuse = call => (call.startsWith('iptables-restore') ? 'Resource temporarily unavailable.' : undefined);
    proxy.change({ previous: slice('web', ['10.244.1.2']), current: slice('web', ['10.244.2.2']) });
    expect(await proxy.sync()).toMatchObject({ ok: false, full: false, retryAfterMs: 30_000 });
    expect(plane.text()).toBe(before);
    expect(log.at(-1)).toMatch(/^sync failed, again in 30000 ms: iptables-restore: .*Resource temporarily unavailable\.$/);
    const metrics = await (await fetch(`${url(10_249)}/metrics`)).text();
    expect(metrics).toContain('kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"} 1');
    expect(metrics).toContain('kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total{ip_family="IPv4"} 1');
    await timers.advance(60_000); // two tries later it has been ill for longer than it may
    expect((await fetch(`${url(10_256)}/healthz`)).status).toBe(503);
    plane.refuse = () => undefined;
    await timers.advance(30_000);
    expect(endpoints(plane.text())).toEqual(['10.244.2.2:8080']);
    expect((await fetch(`${url(10_256)}/healthz`)).status).toBe(200);
  });

  test('removes UDP entries that lead to an endpoint which is no more, and no others', async () => {
    const dns = service('dns', { clusterIP: '10.96.0.53', ports: [{ name: '', protocol: 'UDP', port: 53 }] });
    const ports = [{ name: '', protocol: 'UDP' as const, port: 8053 }];
    const both = slice('dns', ['10.244.1.2', '10.244.2.2'], { ports });
    const { plane, proxy, timers, url } = await running([dns, both]);
    const entry = (client: string, answers: string) =>
      `udp      17 29 src=${client} dst=10.96.0.53 sport=40001 dport=53 src=${answers} dst=${client} sport=8053 dport=40001 mark=0 use=1`;
    plane.connections = [entry('10.244.1.5', '10.244.1.2'), entry('10.244.1.6', '10.244.2.2'), entry('10.244.1.7', '10.244.1.2')];
    await timers.advance(1000);
    proxy.change({ previous: both, current: slice('dns', ['10.244.2.2'], { ports }) });
    await proxy.sync();
    expect(plane.connections).toEqual([entry('10.244.1.6', '10.244.2.2')]);
    expect(plane.calls.filter(call => call.startsWith('conntrack -D'))).toHaveLength(1);
    expect(await (await fetch(`${url(10_249)}/metrics`)).text()).toContain(
      'kubeproxy_conntrack_reconciler_deleted_entries_total{ip_family="IPv4"} 2',
    );
  });

  test('answers at the health check node port by the endpoints of this node', async () => {
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 } as const;
    const { proxy, timers, url } = await running([service('web', spec), slice('web', ['10.244.1.2', '10.244.2.2'])]);
    const health = async () => {
      const answer = await fetch(`${url(32_000)}/healthz`);
      return [answer.status, ((await answer.json()) as { localEndpoints: number }).localEndpoints];
    };
    expect(await health()).toEqual([200, 1]);
    await timers.advance(1000);
    proxy.change({ previous: slice('web', ['10.244.1.2']), current: slice('web', ['10.244.2.2']) });
    await proxy.sync();
    expect(await health()).toEqual([503, 0]);
  });

  test('notices within a sync period that somebody has wiped its chains', async () => {
    const { plane, timers, log } = await running([web, slice('web', ['10.244.1.2'])]);
    const before = plane.text();
    for (const table of ['nat', 'filter', 'mangle']) for (const word of ['-F', '-X']) plane.rules.command(['-t', table, word]);
    await timers.advance(30_000);
    expect(log).toEqual(['the canary chains are gone: all rules are written again']);
    expect(plane.text()).toBe(before);
  });

  test('a node without its Node object is left alone by load balancers, and has no zone', async () => {
    const node = (zone: string): ClusterObject => ({
      kind: 'Node',
      metadata: { name: 'node1', namespace: '', labels: { 'topology.kubernetes.io/zone': zone } },
      spec: {},
      status: { addresses: [] },
    });
    const hints = (zone: string) => ({ hints: { forZones: [{ name: zone }] } });
    const hinted = slice('web', [], {
      endpoints: [
        { addresses: ['10.244.1.2'], ...hints('a') },
        { addresses: ['10.244.2.2'], ...hints('b') },
      ],
    });
    const { plane, proxy, timers, url } = await running([web, hinted, node('b')]);
    expect(endpoints(plane.text())).toEqual(['10.244.2.2:8080']);
    await timers.advance(1000);
    proxy.change({ previous: node('b'), current: undefined });
    await proxy.sync();
    expect(endpoints(plane.text())).toEqual(['10.244.1.2:8080', '10.244.2.2:8080']);
    expect((await fetch(`${url(10_256)}/healthz`)).status).toBe(503);
    expect((await fetch(`${url(10_256)}/livez`)).status).toBe(200);
  });

  test('a slice that goes over to another Service leaves the one where it was', async () => {
    const api = service('api', { clusterIP: '10.96.0.11' });
    const first = slice('web', ['10.244.1.2']);
    const { plane, proxy, timers } = await running([web, api, first]);
    await timers.advance(1000);
    proxy.change({
      previous: first,
      current: { ...slice('api', ['10.244.1.2']), metadata: { ...first.metadata, labels: { 'kubernetes.io/service-name': 'api' } } },
    });
    await proxy.sync();
    expect(plane.text()).toMatch(/--comment "default\/web has no endpoints"/);
    expect(plane.text()).toMatch(/default\/api -> 10\.244\.1\.2:8080/);
  });
});

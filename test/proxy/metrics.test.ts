import { describe, expect, test } from 'vitest';
import { ProxyMetrics } from '../../src/proxy/metrics.ts';
import { testProxy, web, webSlice } from './support.ts';

describe('metrics', () => {
  test('the text has kube-proxy’s names and counts rules as it does', async () => {
    const { proxy } = testProxy();
    proxy.addService(web());
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    const lines = proxy.proxier.metrics.text().split('\n');
    expect(lines).toContain('# TYPE kubeproxy_sync_proxy_rules_duration_seconds histogram');
    expect(lines).toContain('kubeproxy_sync_proxy_rules_duration_seconds_bucket{ip_family="IPv4",le="0.001"} 1');
    expect(lines).toContain('kubeproxy_sync_proxy_rules_duration_seconds_count{ip_family="IPv4"} 1');
    expect(lines).toContain('kubeproxy_sync_proxy_rules_iptables_total{ip_family="IPv4",table="nat"} 10');
    expect(lines).toContain('kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"} 0');
    expect(lines).toContain('kubeproxy_sync_proxy_rules_no_local_endpoints_total{ip_family="IPv4",traffic_policy="internal"} 0');
    expect(lines.filter(l => l !== '' && !/^(# (HELP|TYPE) )?kubeproxy_/.test(l))).toEqual([]);
  });

  describe('network programming', () => {
    const changedAt = (iso: string) => ({ annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': iso } });
    const observed = (text: string): string[] =>
      text.split('\n').filter(l => l.startsWith('kubeproxy_network_programming_duration_seconds'));
    /** The proxy starts at 1970-01-01T00:16:40Z. */
    const started = () => {
      const { proxy } = testProxy();
      proxy.addService(web());
      return proxy;
    };

    test('is counted from the change to the end of the sync, once for each slice that changed', async () => {
      const proxy = started();
      proxy.clock.advance(10_000);
      proxy.addSlice(webSlice(['10.244.1.2'], changedAt('1970-01-01T00:16:41.5Z')));
      proxy.addSlice(webSlice(['10.244.2.2'], { name: 'web-2', ...changedAt('1970-01-01T00:16:49.9Z') }));
      await proxy.proxier.sync();
      await proxy.proxier.sync();
      const lines = observed(proxy.proxier.metrics.text());
      const bucket = (le: string) => lines.find(l => l.includes(`le="${le}"`))?.split(' ')[1];
      expect(['0', '0.25', '0.5', '8', '9', '59', '60', '65', '115', '120', '150', '300', '+Inf'].map(bucket)).toEqual([
        '0',
        '1',
        '1',
        '1',
        ...Array<string>(9).fill('2'),
      ]);
      expect(lines).toHaveLength(1 + 2 + 59 + 12 + 7 + 1 + 2);
      expect(Number(lines.at(-2)!.split(' ')[1])).toBeCloseTo(8.5 + 0.1);
      expect(lines.at(-1)).toBe('kubeproxy_network_programming_duration_seconds_count{ip_family="IPv4"} 2');
    });

    test('leaves out what happened before the proxy started, slices that go, no time, and what is none', async () => {
      const proxy = started();
      proxy.clock.advance(10_000);
      proxy.addSlice(webSlice(['10.244.1.2'], changedAt('1970-01-01T00:16:40Z')));
      proxy.addSlice(webSlice(['10.244.1.3'], { name: 'web-2' }));
      proxy.addSlice(webSlice(['10.244.1.4'], { name: 'web-3', ...changedAt('yesterday') }));
      await proxy.proxier.sync();
      proxy.addSlice(webSlice(['10.244.1.5'], { name: 'web-2', ...changedAt('1970-01-01T00:16:45Z') }));
      proxy.deleteSlice('default/web-2');
      await proxy.proxier.sync();
      expect(observed(proxy.proxier.metrics.text())).toEqual([]);
    });
  });

  test('the names are kube-proxy’s in iptables mode, no more and no less', () => {
    const proxyMetrics = new ProxyMetrics('IPv4');
    expect(proxyMetrics.names()).toEqual(upstreamNames.filter(name => !ofOtherModes.test(name)));
  });
});

/** Kubernetes 1.34, the page of instrumentation `metrics`: all that stand there with `kubeproxy_`. */
const upstreamNames = [
  'conntrack_reconciler_deleted_entries_total',
  'conntrack_reconciler_sync_duration_seconds',
  'iptables_ct_state_invalid_dropped_packets_total',
  'iptables_localhost_nodeports_accepted_packets_total',
  'network_programming_duration_seconds',
  'proxy_healthz_total',
  'proxy_livez_total',
  'sync_full_proxy_rules_duration_seconds',
  'sync_partial_proxy_rules_duration_seconds',
  'sync_proxy_rules_duration_seconds',
  'sync_proxy_rules_endpoint_changes_pending',
  'sync_proxy_rules_endpoint_changes_total',
  'sync_proxy_rules_iptables_last',
  'sync_proxy_rules_iptables_partial_restore_failures_total',
  'sync_proxy_rules_iptables_restore_failures_total',
  'sync_proxy_rules_iptables_total',
  'sync_proxy_rules_last_queued_timestamp_seconds',
  'sync_proxy_rules_last_timestamp_seconds',
  'sync_proxy_rules_nftables_cleanup_failures_total',
  'sync_proxy_rules_nftables_sync_failures_total',
  'sync_proxy_rules_no_local_endpoints_total',
  'sync_proxy_rules_service_changes_pending',
  'sync_proxy_rules_service_changes_total',
].map(name => `kubeproxy_${name}`);
/** Registered in nftables mode alone. What every Go program of Kubernetes has besides (`go_`, `process_`, `rest_client_`) is no proxy's. */
const ofOtherModes = /_nftables_/;

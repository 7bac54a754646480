import { describe, expect, test } from 'vitest';
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
});

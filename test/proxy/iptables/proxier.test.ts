import { describe, expect, test } from 'vitest';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { saveTable } from '../../../src/netfilter/text/write.ts';
import { dialectOf } from '../../../src/proxy/iptables/config.ts';
import { fullText } from '../../../src/proxy/iptables/full-text.ts';
import { MemorySink } from '../../../src/proxy/iptables/memory-sink.ts';
import { originText, ruleText } from '../../../src/proxy/iptables/rule-text.ts';
import { savedText } from '../../../src/proxy/iptables/saved-text.ts';
import { testProxy, web, webSlice } from '../support.ts';

const everything = web({
  type: 'LoadBalancer',
  ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 }],
  externalIPs: ['198.51.100.7'],
  loadBalancerIngress: [{ ip: '203.0.113.200' }],
  loadBalancerSourceRanges: ['203.0.113.0/24', '192.168.56.0/24'],
  sessionAffinity: { type: 'ClientIP', timeoutSeconds: 60 },
});

describe('one description of a rule', () => {
  test('gives the text that the reader of rules turns into the same data', async () => {
    const { proxy, sink } = testProxy({ nfacctCounters: ['ct_state_invalid_dropped_pkts', 'localhost_nps_accepted_pkts'] });
    proxy.addService(everything);
    proxy.addService(web({ name: 'gone', clusterIP: '10.96.0.11', ports: [{ name: '', protocol: 'UDP', port: 53 }] }));
    proxy.addSlice(webSlice(['10.244.1.2', '10.244.2.2', '10.244.3.2']));
    await proxy.proxier.sync();
    const read = readRuleSet(fullText(sink.state)).ruleSet;
    for (const [name, table] of sink.ruleSet().tables) expect(saveTable(table, false)).toBe(saveTable(read.tables.get(name)!, false));
    const lines = [...read.tables.values()].flatMap(t => saveTable(t, false).split('\n')).filter(l => l.startsWith('-A'));
    const own = (['filter', 'nat'] as const).flatMap(t => [...sink.state.tables[t].values()].flat().map(r => savedText(r, 'IPv4')));
    expect(own.sort()).toEqual(lines.sort());
  });

  test('knows the object and the field that caused it', async () => {
    const { proxy, sink } = testProxy();
    proxy.addService(everything);
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    const origins = [...sink.state.tables.nat.values()].flat().map(r => originText(r.origin));
    expect(new Set(origins)).toEqual(
      new Set([
        'Service default/web field spec.clusterIP',
        'Service default/web field spec.externalIPs[0]',
        'Service default/web field spec.externalTrafficPolicy',
        'Service default/web field spec.loadBalancerSourceRanges',
        'Service default/web field spec.loadBalancerSourceRanges[0]',
        'Service default/web field spec.loadBalancerSourceRanges[1]',
        'Service default/web field spec.ports[0].nodePort',
        'Service default/web field spec.sessionAffinity',
        'Service default/web field status.loadBalancer.ingress[0].ip',
        'EndpointSlice default/web-1 field endpoints[0].addresses[0]',
        'kube-proxy field jump from a built-in chain',
        'kube-proxy field masqueradeBit',
        'kube-proxy field nodePortAddresses',
      ]),
    );
    expect([...sink.ruleSet().tables.get('nat')!.chains.get('KUBE-SERVICES')!.rules].map(r => r.origin)).toContain(
      'Service default/web field status.loadBalancer.ingress[0].ip',
    );
  });
});

describe('jumps from built-in chains', () => {
  test('each is put in front, so the last one stands first', async () => {
    const { proxy, chain } = testProxy();
    await proxy.proxier.sync();
    expect(chain('filter', 'FORWARD').map(l => l.split(' -j ')[1])).toEqual([
      'KUBE-PROXY-FIREWALL',
      'KUBE-FORWARD',
      'KUBE-SERVICES',
      'KUBE-EXTERNAL-SERVICES',
    ]);
    expect(chain('filter', 'INPUT').map(l => l.split(' -j ')[1])).toEqual([
      'KUBE-FIREWALL',
      'KUBE-PROXY-FIREWALL',
      'KUBE-NODEPORTS',
      'KUBE-EXTERNAL-SERVICES',
    ]);
  });
});

describe('a sync', () => {
  test('writes everything first, then the chains of what changed, then nothing of Services', async () => {
    const { proxy } = testProxy();
    proxy.addService(web());
    proxy.addService(web({ name: 'api', clusterIP: '10.96.0.11' }));
    proxy.addSlice(webSlice(['10.244.1.2']));
    proxy.addSlice(webSlice(['10.244.1.3'], { service: 'api', name: 'api-1' }));
    const written = async () => (await proxy.proxier.sync()).restore!.nat.chains.filter(c => c.startsWith('KUBE-SVC')).length;
    expect(await written()).toBe(2);
    proxy.addSlice(webSlice(['10.244.1.2', '10.244.2.2']));
    expect(await written()).toBe(1);
    expect(await written()).toBe(0);
  });

  test('writes everything again after an hour', async () => {
    const { proxy } = testProxy();
    expect((await proxy.proxier.sync()).full).toBe(true);
    expect((await proxy.proxier.sync()).full).toBe(false);
    proxy.clock.advance(3_600_001);
    expect((await proxy.proxier.sync()).full).toBe(true);
  });

  test('what came and went between two syncs is no change', () => {
    const { proxy } = testProxy();
    proxy.addService(web());
    proxy.deleteService('default/web');
    expect(proxy.proxier.metrics.get('serviceChangesPending')).toBe(0);
  });

  test('a sink that refuses keeps the old rules, and the next sync writes everything', async () => {
    let refuse = false;
    const sink = new MemorySink([], () => {
      if (refuse) throw new Error('no room');
    });
    const { proxy, chain } = testProxy({}, {}, sink);
    proxy.addService(web());
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    const before = fullText(sink.state);
    refuse = true;
    proxy.addSlice(webSlice(['10.244.1.2', '10.244.2.2']));
    expect(await proxy.proxier.sync()).toMatchObject({ ok: false, full: false, retryAfterMs: 30_000 });
    expect(fullText(sink.state)).toBe(before);
    expect(proxy.log.at(-1)).toContain('no room');
    const { metrics } = proxy.proxier;
    expect([metrics.get('restoreFailures'), metrics.get('partialFailures')]).toEqual([1, 1]);
    refuse = false;
    expect(await proxy.proxier.sync()).toMatchObject({ ok: true, full: true });
    expect(chain('nat', 'KUBE-SERVICES')).toHaveLength(2);
    expect([...sink.ruleSet().tables.get('nat')!.chains.keys()].filter(c => c.startsWith('KUBE-SEP'))).toHaveLength(2);
  });

  test('rules that somebody wiped are noticed by the canary and written again', async () => {
    const { proxy, sink } = testProxy();
    await proxy.proxier.sync();
    expect(await proxy.proxier.monitor()).toBeUndefined();
    sink.state.tables.nat.clear();
    expect(await proxy.proxier.monitor()).toMatchObject({ ok: true, full: true });
    expect(sink.state.tables.nat.has('KUBE-SERVICES')).toBe(true);
  });

  test('rules that have not changed are the same objects, so that the router goes on counting', async () => {
    const { proxy, sink } = testProxy();
    proxy.addService(web());
    proxy.addService(web({ name: 'api', clusterIP: '10.96.0.11' }));
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    const rules = () => sink.ruleSet().tables.get('filter')!.chains.get('KUBE-SERVICES')!.rules;
    const before = rules();
    proxy.addSlice(webSlice(['10.244.1.9']));
    await proxy.proxier.sync();
    expect(before).toHaveLength(1);
    expect(rules()[0]).toBe(before[0]);
  });
});

describe('options', () => {
  test.each([
    [{ kind: 'bridge', name: 'cni0' } as const, '! -i cni0'],
    [{ kind: 'interfacePrefix', prefix: 'veth' } as const, '! -i veth+'],
  ])('pods are known by their interface: %j', async (localDetector, words) => {
    const { proxy, sink } = testProxy({}, { localDetector });
    proxy.addService(web());
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    expect(fullText(sink.state)).toContain(` --dport 80 ${words} -j KUBE-MARK-MASQ`);
    expect(() => readRuleSet(fullText(sink.state))).not.toThrow();
  });

  test('older releases have no counter of their own for node ports at 127.0.0.1', async () => {
    const counters = ['ct_state_invalid_dropped_pkts', 'localhost_nps_accepted_pkts'];
    const { proxy, chain } = testProxy({ nfacctCounters: counters }, { dialect: dialectOf('v1.31.2') });
    proxy.addService(everything);
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    expect(chain('nat', 'KUBE-NODEPORTS')).toHaveLength(1);
    expect(chain('filter', 'KUBE-FORWARD')[0]).toContain('--nfacct-name ct_state_invalid_dropped_pkts');
    expect(() => dialectOf('1.12')).toThrow('no rules of Kubernetes "1.12" are known');
  });

  test('a source range that holds the node lets the load balancer’s address through', async () => {
    const { proxy, sink } = testProxy();
    proxy.addService(everything);
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    const [name] = [...sink.state.tables.nat.keys()].filter(c => c.startsWith('KUBE-FW-'));
    const text = sink.state.tables.nat.get(name!)!.map(ruleText).join('\n');
    expect(text).toContain('-s 203.0.113.200 -j KUBE-EXT-');
  });
});

describe('bad input', () => {
  test('addresses that Go reads in its own way', async () => {
    const { proxy, chain } = testProxy();
    proxy.addService(
      web({
        clusterIP: '10.096.000.010',
        type: 'LoadBalancer',
        externalIPs: ['198.051.100.007', 'x'],
        loadBalancerIngress: [{ ip: '1.2.3.04' }],
        loadBalancerSourceRanges: [' 0203.000.113.000/025'],
      }),
    );
    proxy.addSlice(webSlice(['10.244.001.002']));
    await proxy.proxier.sync();
    const text = chain('nat', 'KUBE-SERVICES').join('\n');
    for (const address of ['-d 10.96.0.10 ', '-d 198.51.100.7 ', '-d 1.2.3.4 ']) expect(text).toContain(address);
    expect(proxy.log).toContain('Service default/web: spec.externalIPs[1]: not an address: "x": left out');
  });

  test('of a slice only what cannot be used is left out, and said', async () => {
    const { proxy, sink } = testProxy();
    proxy.addService(web());
    proxy.addSlice(webSlice(['10.244.1.2', 'nowhere', 'fd00::1', '10.244.1.2']));
    proxy.addSlice(
      webSlice([], {
        name: 'web-2',
        endpoints: [{ addresses: [] }],
        ports: [
          { name: 'http', port: 0, protocol: 'TCP' },
          { name: 'http', port: 8080, protocol: 'TCP' },
        ],
      }),
    );
    proxy.addSlice(webSlice(['fd00::2'], { name: 'web-3', addressType: 'IPv6' }));
    proxy.addSlice(webSlice(['10.244.9.9'], { name: 'web-4', service: '' }));
    proxy.addSlice(webSlice(['10.244.9.9'], { name: 'other-1', service: 'unknown' }));
    await proxy.proxier.sync();
    expect([...sink.state.tables.nat.keys()].filter(c => c.startsWith('KUBE-SEP-'))).toHaveLength(1);
    expect(proxy.log).toEqual([
      'EndpointSlice default/web-4: no label kubernetes.io/service-name: left out',
      'EndpointSlice default/web-1: endpoints[1]: not an IPv4 address: "nowhere": left out',
      'EndpointSlice default/web-1: endpoints[2]: not an IPv4 address: "fd00::1": left out',
      'EndpointSlice default/web-2: a port without number: left out',
      'EndpointSlice default/web-2: endpoints[0]: no address: left out',
    ]);
  });

  test('ports without names that contradict each other are said', async () => {
    const { proxy } = testProxy();
    const unnamed = (port: number) => ({ name: '', protocol: 'TCP' as const, port });
    proxy.addService(web({ ports: [unnamed(80), unnamed(81)] }));
    proxy.addSlice(webSlice(['10.244.1.2'], { ports: [unnamed(8080), unnamed(8081)] }));
    expect((await proxy.proxier.sync()).ok).toBe(true);
    expect(proxy.log).toEqual([
      'Service default/web: spec.ports[1]: another port has the same name and protocol: that one is left out',
      'EndpointSlice default/web-1: ports 8080 and 8081 have the same name "" and protocol TCP',
    ]);
  });

  test('a Service without ports has no rules', async () => {
    const { proxy, chain } = testProxy();
    proxy.addService(web({ ports: [] }));
    expect((await proxy.proxier.sync()).ok).toBe(true);
    expect(chain('nat', 'KUBE-SERVICES')).toHaveLength(1);
  });
});

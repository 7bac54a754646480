import { describe, expect, test } from 'vitest';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';
import { diffRules } from '../../../src/proxy/iptables/diff.ts';
import { fullText } from '../../../src/proxy/iptables/full-text.ts';
import { testProxy, web, webSlice } from '../support.ts';

async function rendered(addresses: readonly string[]) {
  const { proxy, sink } = testProxy();
  proxy.addService(web());
  proxy.addSlice(webSlice(addresses));
  await proxy.proxier.sync();
  return { state: sink.state, saved: writeRuleSet(readRuleSet(fullText(sink.state)).ruleSet) };
}
const PORTS = new Set(['default/web:http']);

describe('render --diff', () => {
  test('a node with these very rules has no differences, whatever else stands there', async () => {
    const { state, saved } = await rendered(['10.244.1.2', '10.244.2.2']);
    const more = saved.replace(/(:PREROUTING ACCEPT \[0:0\]\n(?=:INPUT ACCEPT \[0:0\]\n:OUTPUT))/, '$1:FLANNEL-POSTRTG - [0:0]\n');
    expect(diffRules(state, 'IPv4', PORTS, more.replaceAll('\n-A', '\n[3:180] -A'))).toEqual([]);
  });

  test('an endpoint that moved: the new one is missing, the old one is stale', async () => {
    const { saved } = await rendered(['10.244.1.2']);
    const { state } = await rendered(['10.244.3.9']);
    const lines = diffRules(state, 'IPv4', PORTS, saved);
    const of = (kind: string) => lines.filter(l => l.kind === kind);
    expect(of('missing').filter(l => l.origin === 'EndpointSlice default/web-1 field endpoints[0].addresses[0]')).toHaveLength(3);
    expect(
      of('stale')
        .map(l => l.text)
        .filter(t => t.startsWith(':KUBE-SEP-')),
    ).toHaveLength(1);
    expect(of('extra')).toEqual([]);
  });

  test('a Service that is no more is stale, a rule of somebody else is extra, and order counts where it decides', async () => {
    const { state, saved } = await rendered(['10.244.1.2', '10.244.2.2']);
    const gone =
      '-A KUBE-SERVICES -d 10.96.0.99/32 -p tcp -m comment --comment "default/old cluster IP" -m tcp --dport 80 -j KUBE-MARK-MASQ';
    const extra = '-A KUBE-FORWARD -s 10.9.9.9/32 -j ACCEPT';
    const lines = saved.split('\n');
    const at = lines.findIndex(l => l.includes('statistic'));
    [lines[at], lines[at + 1]] = [lines[at + 1]!, lines[at]!];
    const nat = lines.indexOf('*nat');
    lines.splice(lines.indexOf('COMMIT', nat), 0, gone);
    lines.splice(lines.indexOf('COMMIT', lines.indexOf('*filter')), 0, extra);
    const found = diffRules(state, 'IPv4', PORTS, lines.join('\n'));
    expect(found.map(l => [l.kind, l.text])).toEqual([
      ['extra', extra],
      ['stale', gone],
      ['order', expect.stringMatching(/^:KUBE-SVC-/)],
    ]);
  });
});

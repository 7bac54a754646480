import { describe, expect, test } from 'vitest';
import { endpointChange, kubeProxyRules } from '../../src/bench/rules/kube-proxy.ts';
import { nftMapRules } from '../../src/bench/rules/nft-maps.ts';
import { clusterIp, services } from '../../src/bench/rules/services.ts';
import { NodeRules } from '../../src/node/rules.ts';

describe('the rules of the bench', () => {
  test('are taken by the router without a warning, the asked Service last', () => {
    const rules = new NodeRules(false);
    expect(rules.load(kubeProxyRules(services(20), 'udp')).warnings).toEqual([]);
    const last = rules
      .save()
      .split('\n')
      .filter(line => line.includes('cluster IP" -m udp') && line.startsWith('-A KUBE-SERVICES'))
      .at(-1);
    expect(last).toContain('-d 10.96.0.29/32');
    expect(clusterIp(19)).toBe(0x0a60001d);
  });

  test('a change of one endpoint, given with --noflush, gives what the whole set would have been', () => {
    const before = services(5);
    const after = services(5, 9090);
    const rules = new NodeRules(false);
    rules.load(kubeProxyRules(before, 'tcp'));
    rules.load(endpointChange(before.at(-1)!, after.at(-1)!, 'tcp'), { noflush: true });
    const whole = new NodeRules(false);
    whole.load(kubeProxyRules(after, 'tcp'));
    // Chains are saved in the order in which they were made.
    const lines = (of: NodeRules) =>
      of
        .save()
        .split('\n')
        .filter(line => !line.startsWith('#'))
        .sort();
    expect(lines(rules)).toEqual(lines(whole));
  });

  test('the map of the nft form has every Service once', () => {
    const text = nftMapRules(services(2500), 'udp');
    const elements = text.match(/\d+\.\d+\.\d+\.\d+ \. udp \. 80 : goto/g)!;
    expect(elements).toHaveLength(2500);
    expect(new Set(elements).size).toBe(2500);
  });
});

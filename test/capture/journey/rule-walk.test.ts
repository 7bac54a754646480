import { describe, expect, test } from 'vitest';
import { type MetRule, marksOf, marksText, tableWalks, walkText } from '../../../src/capture/journey/rule-walk.ts';

const met = (hook: string, table: string, chain: string, number: number, text: string, more: Partial<MetRule> = {}): MetRule => ({
  hook,
  table,
  chain,
  number,
  text,
  ...more,
});
const lines = (rules: MetRule[], rewrites = {}): string[] => tableWalks(rules).map(walk => walkText(walk, rewrites));

/** A ClusterIP with two endpoints, asked from outside the cluster: KUBE-MARK-MASQ is called and comes back. */
const clusterIp = [
  met('PREROUTING', 'nat', 'PREROUTING', 1, '-j KUBE-SERVICES'),
  met('PREROUTING', 'nat', 'KUBE-SERVICES', 3, '-d 10.96.1.50/32 -p tcp -m tcp --dport 80 -j KUBE-SVC-WEB'),
  met('PREROUTING', 'nat', 'KUBE-SVC-WEB', 1, '! -s 10.244.0.0/16 -j KUBE-MARK-MASQ'),
  met('PREROUTING', 'nat', 'KUBE-MARK-MASQ', 1, '-j MARK --set-xmark 0x4000/0x4000'),
  met('PREROUTING', 'nat', 'KUBE-SVC-WEB', 2, '-m statistic --mode random --probability 0.5 -j KUBE-SEP-A', {
    endpoint: { nth: 1, of: 2 },
  }),
  met('PREROUTING', 'nat', 'KUBE-SEP-A', 2, '-p tcp -m tcp -j DNAT --to-destination 10.244.2.5:80'),
];

describe('the chains that a packet met', () => {
  test('are one line: jumps with the numbers of their rules, the endpoint among its like, the rewrite', () => {
    expect(lines(clusterIp, { destination: '10.96.1.50:80 -> 10.244.2.5:80' })).toEqual([
      'nat PREROUTING > KUBE-SERVICES #3 > KUBE-SVC-WEB #2 (1/2) > KUBE-SEP-A DNAT 10.96.1.50:80 -> 10.244.2.5:80',
    ]);
  });

  test('that gave the packet back are told with their RETURN, before the policy that decided', () => {
    const rules = [
      met('POSTROUTING', 'nat', 'POSTROUTING', 1, '-j KUBE-POSTROUTING'),
      met('POSTROUTING', 'nat', 'KUBE-POSTROUTING', 1, '-m mark ! --mark 0x4000/0x4000 -j RETURN'),
      met('POSTROUTING', 'nat', 'POSTROUTING', 2, '-j FLANNEL-POSTRTG'),
      met('POSTROUTING', 'nat', 'POSTROUTING', 0, 'ACCEPT'),
    ];
    expect(lines(rules)).toEqual(['nat POSTROUTING > KUBE-POSTROUTING #1 RETURN, policy ACCEPT']);
  });

  test('of a table that has nothing to say are left out', () => {
    expect(lines([met('FORWARD', 'mangle', 'FORWARD', 0, 'ACCEPT')])).toEqual(['']);
    expect(lines([met('FORWARD', 'filter', 'FORWARD', 0, 'DROP')])).toEqual(['filter FORWARD policy DROP']);
  });

  test('are cut where another pass through the same table begins', () => {
    const pass = [met('OUTPUT', 'nat', 'OUTPUT', 1, '-j KUBE-SERVICES'), met('OUTPUT', 'nat', 'OUTPUT', 0, 'ACCEPT')];
    expect(lines([...pass, ...pass])).toEqual(['nat OUTPUT policy ACCEPT', 'nat OUTPUT policy ACCEPT']);
  });

  test('name a rule of the built-in chain itself by its number', () => {
    expect(lines([met('PREROUTING', 'nat', 'PREROUTING', 2, '-p tcp -j REDIRECT --to-ports 8080')])).toEqual([
      'nat PREROUTING #2 REDIRECT --to-ports 8080',
    ]);
  });
});

describe('the mark', () => {
  test('is followed through the rules that write it, bits outside the mask kept', () => {
    const rules = [
      ...clusterIp,
      met('POSTROUTING', 'nat', 'KUBE-POSTROUTING', 2, '-j MARK --set-xmark 0x4000/0x0'),
      met('POSTROUTING', 'nat', 'X', 1, '-j MARK --set-xmark 0x1/0xff'),
    ];
    expect(marksOf(rules, 0x100)).toEqual([0x100, 0x4100, 0x100, 0x101]);
    expect(marksText([0, 0x4000, 0])).toBe('mark 0 -> 0x4000 -> 0');
  });
});

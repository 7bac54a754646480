import { describe, expect, test } from 'vitest';
import { type FelixConfig, felixRules, felixText } from '../../../src/lab/calico/felix.ts';
import { felixSets } from '../../../src/lab/calico/felix-sets.ts';
import { chainName } from '../../../src/lab/calico/rule-hash.ts';
import { readIpSets } from '../../../src/netfilter/ipset/read.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';

const node1: FelixConfig = {
  pools: ['10.244.0.0/16'],
  ipip: true,
  hosts: ['192.168.56.11', '192.168.56.12'],
  addresses: ['127.0.0.1', '192.168.56.11', '10.244.1.0'],
  interfaces: ['cali12d4a061371', 'cali4ab01234567', 'cali4bb76543210'],
};
const lines = (config: FelixConfig): string[] => felixText(config).split('\n');
const ofHash = (config: FelixConfig, hash: string): string[] => lines(config).filter(line => line.includes(`"cali:${hash}"`));

describe("felix's rules", () => {
  test('of a node with three pods', async () => {
    await expect(felixText(node1)).toMatchFileSnapshot('../../fixtures/lab/calico-node1.rules');
  });

  test('are what iptables-save writes: read and written again they are the same', () => {
    const { ruleSet } = readRuleSet(felixText(node1), { objects: { set: new Set(readIpSets(felixSets(node1)).keys()) } });
    const byTable = (text: string) => text.split(/^(?=\*)/m).sort();
    expect(byTable(writeRuleSet(ruleSet))).toEqual(byTable(felixText(node1)));
  });

  // Hashes that real clusters show: felix's own tests, and saved rules in its issues (projectcalico/calico 4297 and 4456, felix 1421).
  test.each([
    ['wUHhoiAYhphO9Mso', '-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD'],
    ['Cz_u1IQiXIMmKD4c', '-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT'],
    ['nYKhEzDlr11Jccal', '-A cali-POSTROUTING -m comment --comment "cali:nYKhEzDlr11Jccal" -j cali-nat-outgoing'],
    ['2b7OEVWxujqPNMC9', '-A cali-from-wl-dispatch -i cali4+ -m comment --comment "cali:2b7OEVWxujqPNMC9" -g cali-from-wl-dispatch-4'],
    ['Ee9Sbo10IpVujdIY', '-A cali-wl-to-host -m comment --comment "cali:Ee9Sbo10IpVujdIY" -j cali-from-wl-dispatch'],
    ['EWMPb0zVROM-woQp', '-A cali-PREROUTING -i cali+ -m comment --comment "cali:EWMPb0zVROM-woQp" -j MARK --set-xmark 0x40000/0x40000'],
  ])('the rule with the hash %s', (hash, line) => {
    const pods = { ...node1, interfaces: node1.interfaces.slice(1).concat('calie0000000001') };
    expect(ofHash(pods, hash)).toEqual([line]);
  });

  test('take tunnelled packets from the nodes of the set and from nobody else', () => {
    expect(ofHash(node1, 'PajejrV4aFdkZojI')[0]).toContain('--match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL -j ACCEPT');
    expect(ofHash(node1, '_wjq-Yrma8Ly1Svo')[0]).toContain('Drop IPIP packets from non-Calico hosts');
  });

  test('say nothing of a tunnel where no pool has one', () => {
    const plain = { ...node1, ipip: false };
    expect(felixText(plain)).not.toContain('tunl0');
    expect(felixText(plain)).not.toContain('cali40all-hosts-net');
    expect(felixSets(plain)).not.toContain('cali40all-hosts-net');
  });

  test('stand above those of others, and masqueraded is after them', () => {
    const { nat, filter } = felixRules(node1);
    expect(Object.keys(nat.inserted)).toEqual(['PREROUTING', 'OUTPUT']);
    expect(nat.appended.POSTROUTING).toEqual(['-A POSTROUTING -m comment --comment "cali:0i8pjzKKPyA34aQD" -j cali-POSTROUTING']);
    expect(filter.inserted.FORWARD).toHaveLength(1);
    expect(filter.appended.FORWARD).toHaveLength(2);
  });

  test('drop what belongs to no pod of the node, on one without pods too', () => {
    const { chains } = felixRules({ ...node1, interfaces: [] }).filter;
    expect(chains['cali-from-wl-dispatch']).toHaveLength(1);
    expect(chains['cali-from-wl-dispatch']![0]).toMatch(/"Unknown interface" -j DROP$/);
  });

  test('share a chain between pods whose names begin alike', () => {
    const { chains } = felixRules(node1).filter;
    expect(chains['cali-to-wl-dispatch']!.map(line => / -[gj] (\S+)$/.exec(line)![1])).toEqual([
      'cali-tw-cali12d4a061371',
      'cali-to-wl-dispatch-4',
      'DROP',
    ]);
    expect(chains['cali-to-wl-dispatch-4']!.map(line => / -[gj] (\S+)$/.exec(line)![1])).toEqual([
      'cali-tw-cali4ab01234567',
      'cali-tw-cali4bb76543210',
      'DROP',
    ]);
  });
});

describe("felix's sets", () => {
  test('are those that the rules ask for, and the addresses of the node', () => {
    const sets = readIpSets(felixSets(node1));
    expect([...sets.keys()]).toEqual(['cali40all-ipam-pools', 'cali40masq-ipam-pools', 'cali40all-hosts-net', 'cali40this-host']);
    const asked = new Set([...felixText(node1).matchAll(/--match-set (\S+)/g)].map(m => m[1]!));
    for (const name of asked) expect(sets.has(name), name).toBe(true);
    expect(sets.get('cali40all-hosts-net')!.members).toHaveLength(2);
  });
});

describe('the name of a chain', () => {
  test('holds 28 characters', () => {
    expect(chainName('cali-pri-', 'ksa.default.default')).toBe('cali-pri-ksa.default.default');
  });

  test('that would be longer ends in a hash of what it is for', () => {
    const name = chainName('cali-pri-', 'ksa.kube-system.coredns');
    expect(name).toMatch(/^cali-pri-_[\w-]{18}$/);
    expect(chainName('cali-pri-', 'ksa.kube-system.kube-proxy')).not.toBe(name);
  });
});

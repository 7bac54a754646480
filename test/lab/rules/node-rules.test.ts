import { describe, expect, test } from 'vitest';
import { loadLab } from '../../../src/lab/catalog.ts';
import type { Lab } from '../../../src/lab/definition.ts';
import { labObjects } from '../../../src/lab/rules/declared.ts';
import { nodeRules } from '../../../src/lab/rules/node-rules.ts';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';

function rulesOf(lab: Lab, name: string): string {
  return nodeRules(labObjects(lab), clusterTopology(lab, () => 'kernel').namespaces.find(ns => ns.name === name)!.node!);
}

const web: Lab = {
  title: '',
  nodes: ['node1'],
  pods: { a: { node: 'node1' }, b: { node: 'node1' }, c: { node: 'node1' } },
  services: { 'web-nodeport-svc': { clusterIp: '10.96.0.10', port: 80, nodePort: 30080, pods: ['a', 'b', 'c'] } },
  steps: [],
};

describe('the rules of a node', () => {
  test('exercise 07, node1', async () => {
    await expect(rulesOf(await loadLab('07'), 'node1')).toMatchFileSnapshot('../../fixtures/lab/07-node1.rules');
  });

  test('differ between nodes only in the pod network of the node', async () => {
    const lab = await loadLab('07');
    expect(rulesOf(lab, 'node2')).toBe(rulesOf(lab, 'node1').replaceAll('10.244.1.0/24', '10.244.2.0/24'));
  });

  test('carry the names that kube-proxy gives', () => {
    expect(rulesOf(web, 'node1')).toContain(':KUBE-SVC-7WM2IUBQOCTRHK5M - [0:0]');
    expect(rulesOf(web, 'node1')).toContain(':KUBE-EXT-7WM2IUBQOCTRHK5M - [0:0]');
  });

  test('share evenly: each rule takes one part of what is left', () => {
    const shares = rulesOf(web, 'node1')
      .split('\n')
      .filter(line => line.startsWith('-A KUBE-SVC-') && line.includes('-j KUBE-SEP-'))
      .map(line => /--probability (\S+)/.exec(line)?.[1]);
    expect(shares).toEqual(['0.33333333349', '0.50000000000', undefined]);
  });

  test('have no external chain for a Service without a node port', () => {
    const { nodePort: _, ...inside } = web.services!['web-nodeport-svc']!;
    const text = rulesOf({ ...web, services: { web: inside } }, 'node1');
    expect(text).not.toContain('KUBE-EXT-');
    expect(text).not.toContain('--dport 30080');
  });

  test('follow the zone of the Node object', () => {
    const { services } = web;
    const hinted = labObjects({ ...web, services: services! }).map(o =>
      o.kind === 'EndpointSlice'
        ? { ...o, endpoints: o.endpoints.map((e, i) => ({ ...e, hints: { forZones: [{ name: i === 0 ? 'a' : 'b' }] } })) }
        : o,
    );
    const nodeOf = clusterTopology(web, () => 'kernel').namespaces.find(ns => ns.name === 'node1')!.node!;
    const inZone = (zone: string) =>
      nodeRules(
        [
          ...hinted,
          {
            kind: 'Node',
            metadata: { name: 'node1', namespace: '', labels: { 'topology.kubernetes.io/zone': zone } },
            spec: {},
            status: { addresses: [] },
          },
        ],
        nodeOf,
      );
    expect(inZone('a').match(/-j DNAT/g)).toHaveLength(1);
    expect(inZone('b').match(/-j DNAT/g)).toHaveLength(2);
    expect(inZone('c').match(/-j DNAT/g)).toHaveLength(3);
  });

  test('are empty for a lab without Services', async () => {
    expect(rulesOf(await loadLab('02'), 'node1')).toBe('');
  });
});

describe('the rules of a node of Calico', () => {
  const calico: Lab = { ...web, podNetwork: 'calico-ipip' };
  const chain = (text: string, table: string, name: string) =>
    text
      .split(`*${table}\n`)[1]!
      .split('COMMIT')[0]!
      .split('\n')
      .filter(line => line.startsWith(`-A ${name} `))
      .map(line => / -j (\S+)/.exec(line)![1]);

  test("have felix's above kube-proxy's, and its masquerading below", () => {
    const text = rulesOf(calico, 'node1');
    expect(chain(text, 'filter', 'FORWARD')[0]).toBe('cali-FORWARD');
    expect(chain(text, 'filter', 'FORWARD').slice(-2)).toEqual(['ACCEPT', 'MARK']);
    expect(chain(text, 'nat', 'PREROUTING')).toEqual(['cali-PREROUTING', 'KUBE-SERVICES']);
    expect(chain(text, 'nat', 'POSTROUTING')).toEqual(['KUBE-POSTROUTING', 'cali-POSTROUTING']);
    expect(text).not.toContain('FLANNEL');
  });

  test('are there without a Service too', () => {
    const text = rulesOf({ ...calico, services: {} }, 'node1');
    expect(chain(text, 'nat', 'POSTROUTING')).toEqual(['cali-POSTROUTING']);
    expect(text).not.toContain('KUBE-');
  });
});

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

  test('are empty for a lab without Services', async () => {
    expect(rulesOf(await loadLab('02'), 'node1')).toBe('');
  });
});

import { describe, expect, test } from 'vitest';
import { PlaneSink } from '../../../src/lab/proxy/plane-sink.ts';
import { baseJumps, canaryTables } from '../../../src/proxy/iptables/base-jumps.ts';
import { renderRules } from '../../../src/proxy/render.ts';
import { nodeConfig, service, slice, ToolPlane } from './plane.ts';

const { restore } = renderRules([service('web'), slice('web', ['10.244.1.2'])], nodeConfig);

describe('a sink on the tools of a node', () => {
  test('makes what is missing of base chains and jumps, once, and leaves what others wrote', async () => {
    const plane = new ToolPlane();
    plane.rules.load('*filter\n:INPUT ACCEPT [0:0]\n:MINE - [0:0]\n-A INPUT -j MINE\nCOMMIT\n');
    const sink = new PlaneSink(plane);
    await sink.ensureBase(baseJumps, canaryTables);
    const text = plane.text();
    const input = text.split('\n').filter(line => line.startsWith('-A INPUT'));
    expect(input.map(line => line.split(' -j ')[1])).toEqual([
      'KUBE-FIREWALL',
      'KUBE-PROXY-FIREWALL',
      'KUBE-NODEPORTS',
      'KUBE-EXTERNAL-SERVICES',
      'MINE',
    ]);
    await sink.ensureBase(baseJumps, canaryTables);
    expect(plane.text()).toBe(text);
    expect(plane.calls.filter(call => call.startsWith('iptables-restore'))).toHaveLength(1);
    plane.rules.command(['-D', 'INPUT', '2']);
    await sink.ensureBase(baseJumps, canaryTables);
    expect(plane.text().match(/-A INPUT .*-j KUBE-PROXY-FIREWALL/g)).toHaveLength(1);
  });

  test('a text that is refused is refused before anything is written', async () => {
    const plane = new ToolPlane();
    const sink = new PlaneSink(plane);
    await sink.ensureBase(baseJumps, canaryTables);
    const before = plane.text();
    plane.refuse = call => (call.includes('--test') ? 'line 7 failed' : undefined);
    await expect(sink.restore(restore)).rejects.toThrow('iptables-restore --test --wait=5 --noflush --counters: line 7 failed');
    expect(plane.text()).toBe(before);
  });

  test('a kernel that stops behind the first table has the old rules again', async () => {
    const plane = new ToolPlane();
    const sink = new PlaneSink(plane);
    await sink.ensureBase(baseJumps, canaryTables);
    await sink.restore(restore);
    const before = plane.text();
    plane.stopsAfterFilter = true;
    const other = renderRules([service('web'), service('nobody', { clusterIP: '10.96.0.11' })], nodeConfig).restore;
    await expect(sink.restore(other)).rejects.toThrow('iptables-restore: line 20 failed: No such file or directory.');
    expect(plane.text()).toBe(before);
  });

  test('knows the chains of table nat, and whether the canaries are there', async () => {
    const plane = new ToolPlane();
    const sink = new PlaneSink(plane);
    expect(await sink.canariesStand()).toBe(false);
    await sink.ensureBase(baseJumps, canaryTables);
    await sink.restore(restore);
    expect([...(await sink.natChains())].filter(chain => /^KUBE-(SVC|SEP)/.test(chain))).toHaveLength(2);
    expect(await sink.canariesStand()).toBe(true);
    plane.rules.command(['-t', 'mangle', '-X']);
    expect(await sink.canariesStand()).toBe(false);
  });
});

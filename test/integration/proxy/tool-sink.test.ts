/** kube-proxy's rules on the kernel's own iptables, nft and legacy, in a network namespace of their own. */
import { spawnSync } from 'node:child_process';
import { afterAll, describe, expect, test } from 'vitest';
import { DEFAULT_VERSION, dialectOf } from '../../../src/proxy/iptables/config.ts';
import { fullText } from '../../../src/proxy/iptables/full-text.ts';
import { restoreText } from '../../../src/proxy/iptables/restore.ts';
import { savedText } from '../../../src/proxy/iptables/saved-text.ts';
import { type RunTool, ToolSink } from '../../../src/proxy/iptables/tool-sink.ts';
import { configOf, ProxyNode } from '../../conformance/net/proxy-node.ts';
import { NODE, testProxy, web, webSlice } from '../../proxy/support.ts';

const root = process.getuid?.() === 0;
const made: string[] = [];
afterAll(() => {
  for (const name of made) spawnSync('ip', ['netns', 'del', name]);
});

/** Tools of one variant in a new namespace. */
function tools(variant: 'nft' | 'legacy'): RunTool {
  const name = `proxy-${variant}-${process.pid}-${made.length}`;
  expect(spawnSync('ip', ['netns', 'add', name]).status).toBe(0);
  made.push(name);
  return async (tool, args, input) => {
    const argv = ['netns', 'exec', name, tool.replace('iptables', `iptables-${variant}`), ...args];
    const { status, stdout, stderr } = spawnSync('ip', argv, { input, encoding: 'utf8' });
    return { status: status ?? 1, stdout, stderr };
  };
}

const config = {
  ipFamily: 'IPv4',
  masqueradeAll: false,
  masqueradeMark: '0x4000',
  localDetector: 'podCIDR',
  localhostNodePorts: true,
  nodePortAddresses: null,
  conntrackTCPLiberal: false,
  randomFully: true,
  nfacctCounters: [],
} as const;

// Namespaces are made here, which needs root.
describe.skipIf(!root)('on the kernel', () => {
  test.each(['nft', 'legacy'] as const)('%s: syncs, deletes, notices a wipe, and shows each rule as it was foretold', async variant => {
    const run = tools(variant);
    const proxy = new ProxyNode({ ...configOf(NODE, config), dialect: dialectOf(DEFAULT_VERSION) }, new ToolSink(run));
    const memory = testProxy();
    const nodePort = web({ type: 'NodePort', ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 }] });
    for (const p of [proxy, memory.proxy]) {
      p.addService({ ...nodePort, sessionAffinity: { type: 'ClientIP', timeoutSeconds: 60 } });
      p.addService(web({ name: 'nobody', clusterIP: '10.96.0.11' }));
      p.addSlice(webSlice(['10.244.1.2', '10.244.2.2', '10.244.3.2']));
      expect(await p.proxier.sync()).toMatchObject({ ok: true, full: true });
      p.addSlice(webSlice(['10.244.1.2', '10.244.2.2']));
      expect(await p.proxier.sync()).toMatchObject({ ok: true, full: false });
    }
    const expected = (['filter', 'nat'] as const).flatMap(t => [...memory.sink.state.tables[t].values()].flat());
    const lines = async () =>
      (await run('iptables-save', [], '')).stdout
        .split('\n')
        .filter(line => line.startsWith('-A'))
        .sort();
    expect(await lines()).toEqual(expected.map(rule => savedText(rule, 'IPv4')).sort());
    for (const table of ['nat', 'filter', 'mangle']) for (const word of ['-F', '-X']) await run('iptables', ['-t', table, word], '');
    expect(await proxy.proxier.monitor()).toMatchObject({ ok: true, full: true });
    expect(await lines()).toHaveLength(expected.length);
  });

  test.each(['nft', 'legacy'] as const)('%s: takes what render writes', async variant => {
    const run = tools(variant);
    const { proxy, sink } = testProxy();
    proxy.addService(web());
    proxy.addSlice(webSlice(['10.244.1.2', '10.244.2.2']));
    const { restore } = await proxy.proxier.sync();
    for (const text of [restoreText(restore!), restoreText(restore!, true), fullText(sink.state)])
      expect(await run('iptables-restore', ['--test'], text)).toMatchObject({ status: 0, stderr: '' });
  });
});

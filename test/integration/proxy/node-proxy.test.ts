/** kube-proxy of a node on the kernel's own iptables, nft and legacy, with its servers in the node's namespace. */
import { spawn, spawnSync } from 'node:child_process';
import { afterEach, describe, expect, test } from 'vitest';
import { NodeProxy } from '../../../src/lab/proxy/node-proxy.ts';
import type { ToolPlane } from '../../../src/lab/proxy/run-tool.ts';
import type { ToolResult } from '../../../src/node/tool.ts';
import { added, nodeConfig, service, slice } from '../../lab/proxy/plane.ts';
import { VirtualTimers } from '../../proxy/timers.ts';

const root = process.getuid?.() === 0;
const variants = ['nft', 'legacy'] as const;

/** A namespace of its own, and the tools of one variant in it. */
class KernelNode implements ToolPlane {
  readonly name: string;
  /** What is put into table nat of a text before it is loaded. */
  spoil = '';
  readonly #variant: string;

  constructor(variant: string) {
    this.#variant = variant;
    this.name = `nproxy-${variant}-${process.pid}`;
    for (const argv of [
      ['netns', 'add', this.name],
      ['-n', this.name, 'link', 'set', 'lo', 'up'],
      ['-n', this.name, 'address', 'add', '192.168.56.11/32', 'dev', 'lo'],
    ])
      expect(spawnSync('ip', argv).status).toBe(0);
  }

  tool(name: string, args: readonly string[], input: string): Promise<ToolResult> {
    const tool = name.replace('iptables', `iptables-${this.#variant}`);
    return this.run([tool, ...args], input.includes('*nat\n') ? input.replace(/COMMIT\n$/, `${this.spoil}COMMIT\n`) : input);
  }
  /** While this process goes on: it answers as a server meanwhile. */
  run(argv: readonly string[], input = ''): Promise<ToolResult> {
    return new Promise((resolve, reject) => {
      const child = spawn('ip', ['netns', 'exec', this.name, ...argv]);
      const said = { stdout: '', stderr: '' };
      for (const stream of ['stdout', 'stderr'] as const)
        child[stream].setEncoding('utf8').on('data', text => {
          said[stream] += text;
        });
      child.on('error', reject);
      child.on('close', code => resolve({ ...said, status: code ?? 1 }));
      child.stdin.on('error', () => undefined);
      child.stdin.end(input);
    });
  }
  async rules(): Promise<string> {
    const { stdout } = await this.tool('iptables-save', [], '');
    return stdout.replace(/^#.*\n/gm, '').replace(/\[\d+:\d+\]/g, '');
  }
  get = async (url: string): Promise<string> => (await this.run(['curl', '-s', '--max-time', '5', url])).stdout;
}

describe.skipIf(!root).each(variants)('kube-proxy on iptables-%s (needs root)', variant => {
  let node: KernelNode;
  let proxy: NodeProxy;
  afterEach(async () => {
    await proxy.close();
    spawnSync('ip', ['netns', 'del', node.name]);
  });

  test('keeps the old rules when the kernel refuses, says so, counts it, and writes all of them in the end', async () => {
    node = new KernelNode(variant);
    const timers = new VirtualTimers();
    const log: string[] = [];
    const options = { node: node.name, config: nodeConfig, plane: node, clock: timers.clock, after: timers.after };
    proxy = new NodeProxy({ ...options, log: line => void log.push(line) });
    const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 } as const;
    await node.tool('iptables', ['-A', 'INPUT', '-s', '198.51.100.1', '-j', 'DROP'], '');
    for (const object of [service('web', spec), slice('web', ['10.244.1.2'])]) proxy.change(added(object));
    await proxy.start();
    expect(await proxy.sync()).toMatchObject({ ok: true, full: true });
    expect(await node.get('http://192.168.56.11:32000/')).toContain('"localEndpoints": 1');
    expect(await node.get('http://127.0.0.1:10249/proxyMode')).toBe('iptables');

    // The text is well; the kernel finds out when it commits table nat, behind table filter.
    const before = await node.rules();
    node.spoil = '-A KUBE-MARK-MASQ -m nfacct --nfacct-name there-is-none\n';
    await timers.advance(1000);
    proxy.change(added(service('nobody', { clusterIP: '10.96.0.11' })));
    proxy.change({ previous: slice('web', ['10.244.1.2']), current: slice('web', ['10.244.1.2', '10.244.1.3']) });
    expect(await proxy.sync()).toMatchObject({ ok: false, full: false, retryAfterMs: 30_000 });
    expect(await node.rules()).toBe(before);
    expect(log.at(-1)).toMatch(/^sync failed, again in 30000 ms: iptables-restore: .*failed/);
    expect(await node.get('http://127.0.0.1:10249/metrics')).toContain(
      'kubeproxy_sync_proxy_rules_iptables_restore_failures_total{ip_family="IPv4"} 1',
    );

    node.spoil = '';
    await timers.advance(1000);
    expect(await proxy.sync()).toMatchObject({ ok: true, full: true });
    const after = await node.rules();
    for (const line of ['--to-destination 10.244.1.3:8080', 'default/nobody has no endpoints', '-A INPUT -s 198.51.100.1/32 -j DROP'])
      expect(after).toContain(line);
  });
});

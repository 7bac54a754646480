import { describe, expect, test } from 'vitest';
import { EMPTY_RULE_SET, type RuleSet } from '../../../src/netfilter/ruleset.ts';
import { runCommandLine } from '../../../src/netfilter/text/command-line.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { writeRuleSet } from '../../../src/netfilter/text/write.ts';
import { ConntrackTool } from '../../../src/proxy/conntrack-tool.ts';
import { DEFAULT_VERSION, dialectOf } from '../../../src/proxy/iptables/config.ts';
import { type RunTool, ToolSink } from '../../../src/proxy/iptables/tool-sink.ts';
import { configOf, ProxyNode } from '../../conformance/net/proxy-node.ts';
import { NODE, testProxy, web, webSlice } from '../support.ts';

/** iptables as the router has it, without a router. */
function iptables(): { run: RunTool; rules: () => RuleSet } {
  let rules = EMPTY_RULE_SET;
  const run: RunTool = async (tool, args, input) => {
    try {
      if (tool === 'iptables-save') return { status: 0, stdout: writeRuleSet(rules, { table: args[1]! }), stderr: '' };
      if (tool === 'iptables-restore') rules = readRuleSet(input, { base: rules, noflush: args.includes('--noflush') }).ruleSet;
      else rules = runCommandLine(args, rules).ruleSet;
      return { status: 0, stdout: '', stderr: '' };
    } catch (error) {
      return { status: 1, stdout: '', stderr: (error as Error).message };
    }
  };
  return { run, rules: () => rules };
}

function proxyOn(run: RunTool): ProxyNode {
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
  return new ProxyNode({ ...configOf(NODE, config), dialect: dialectOf(DEFAULT_VERSION) }, new ToolSink(run));
}

describe('a sink that speaks to iptables', () => {
  test('ends with the same rules as the one in memory, in full and partial syncs', async () => {
    const { run, rules } = iptables();
    const proxy = proxyOn(run);
    const memory = testProxy();
    for (const p of [proxy, memory.proxy]) {
      p.addService(web({ type: 'NodePort', ports: [{ name: 'http', protocol: 'TCP', port: 80, nodePort: 30_080 }] }));
      p.addSlice(webSlice(['10.244.1.2', '10.244.2.2']));
      expect(await p.proxier.sync()).toMatchObject({ ok: true, full: true });
      p.addSlice(webSlice(['10.244.2.2', '10.244.3.2']));
      expect(await p.proxier.sync()).toMatchObject({ ok: true, full: false });
    }
    expect(writeRuleSet(rules())).toBe(writeRuleSet(memory.sink.ruleSet()));
  });

  test('a second full sync changes no jump', async () => {
    const { run, rules } = iptables();
    const proxy = proxyOn(run);
    await proxy.proxier.sync();
    const before = writeRuleSet(rules());
    proxy.proxier.forceFullSync();
    await proxy.proxier.sync();
    expect(writeRuleSet(rules())).toBe(before);
  });

  test('what iptables-restore says against it is logged, and the old rules stay', async () => {
    const { run, rules } = iptables();
    const proxy = proxyOn(run);
    proxy.addService(web());
    proxy.addSlice(webSlice(['10.244.1.2']));
    await proxy.proxier.sync();
    await run(
      'iptables',
      ['-t', 'nat', '-A', 'PREROUTING', '-j', [...rules().tables.get('nat')!.chains.keys()].find(c => c.startsWith('KUBE-SVC'))!],
      '',
    );
    const before = writeRuleSet(rules());
    proxy.deleteService('default/web');
    expect((await proxy.proxier.sync()).ok).toBe(false);
    expect(writeRuleSet(rules())).toBe(before);
    expect(proxy.log.at(-1)).toMatch(/^sync failed, again in 30000 ms: iptables-restore: iptables-restore --noflush --counters: /);
  });
});

describe('conntrack by its tool', () => {
  test('reads entries of both forms, and deletes all of one address and endpoint at once', async () => {
    const asked: string[] = [];
    const tool = new ConntrackTool(async args => {
      asked.push(args.join(' '));
      const stdout = [
        'udp      17 29 src=10.244.1.9 dst=10.96.0.10 sport=4000 dport=53 [UNREPLIED] src=10.244.1.2 dst=10.244.1.9 sport=5353 dport=4000 mark=0 use=1',
        'ipv4     2 udp      17 119 src=10.244.1.8 dst=10.96.0.10 sport=4001 dport=53 src=10.244.2.2 dst=10.244.1.8 sport=5353 dport=4001 [ASSURED] mark=0',
        'conntrack v1.4.7 (conntrack-tools): 2 flow entries have been shown.',
      ].join('\n');
      return { status: 0, stdout, stderr: '' };
    });
    const flows = await tool.list();
    expect(flows.map(f => `${f.protocol} ${f.originalDst}:${f.originalDstPort} ${f.replySrc}:${f.replySrcPort}`)).toEqual([
      'udp 10.96.0.10:53 10.244.1.2:5353',
      'udp 10.96.0.10:53 10.244.2.2:5353',
    ]);
    expect(await tool.delete([flows[0]!, flows[0]!])).toBe(2); // as many as it says
    expect(asked.slice(1)).toEqual(['-D -p udp --orig-dst 10.96.0.10 --orig-port-dst 53 --reply-src 10.244.1.2 --reply-port-src 5353']);
    await tool.delete([{ ...flows[0]!, originalDst: 'fd00:96::10', replySrc: 'fd00:244::2' }]);
    expect(asked.at(-1)).toBe('-D -f ipv6 -p udp --orig-dst fd00:96::10 --orig-port-dst 53 --reply-src fd00:244::2 --reply-port-src 5353');
  });
});

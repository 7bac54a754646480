/** What kube-proxy does to a node, done to a kernel: its texts given to iptables-restore, its stale entries taken out of conntrack. */
import { LabError } from '../../../src/base/errors.ts';
import type { RuleSet } from '../../../src/netfilter/ruleset.ts';
import { ConntrackTool } from '../../../src/proxy/conntrack-tool.ts';
import type { ConntrackFlow } from '../../../src/proxy/stale-entries.ts';
import { ruledHost } from '../net/plane.ts';
import { protocolOf } from '../net/protocol.ts';
import type { RuledHost } from '../net/ruled-host.ts';
import { type ConformanceFile, unsupported, type Verdict } from '../set.ts';
import { shellWords } from '../sets/iptables-rules.ts';
import { type CleanedTable, type CleanupCase, checkCleanup } from '../sets/kubeproxy-conntrack-cleanup.ts';
import { checkDump, type DumpCase, type NodeTables } from '../sets/kubeproxy-dumps.ts';

class KernelTables implements NodeTables {
  readonly #host: RuledHost;
  constructor(host: RuledHost) {
    this.#host = host;
  }
  restore(text: string): void {
    try {
      // Accounting objects would have to be made first; they only count.
      this.#host.tool('iptables-legacy-restore', ['--noflush'], text.replaceAll(/ -m nfacct --nfacct-name +\S+/g, ''));
    } catch (error) {
      throw new LabError('BAD_INPUT', (error as { stderr?: string }).stderr ?? String(error));
    }
  }
  append(table: string, rule: string): void {
    this.#host.iptables(['-t', table, ...shellWords(rule)]);
  }
  rules(): RuleSet {
    return this.#host.counted();
  }
}

/** kubeproxy/dumps. */
export function dumpOnKernel(c: DumpCase): Promise<Verdict> | Verdict {
  if (c.config.ipFamily !== 'IPv4') return unsupported('IPv6: the hosts here have IPv4 alone');
  return checkDump(c, new KernelTables(ruledHost({ name: 'node', interfaces: [], routes: [] })));
}

const CLIENT = '10.1.1.1';
let ports = 1024;

/** kubeproxy/conntrack-cleanup. */
export function cleanupOnKernel(c: CleanupCase, file: ConformanceFile): Promise<Verdict> | Verdict {
  return checkCleanup(c, file, flows => {
    const host = ruledHost({ name: 'node', interfaces: [], routes: [] });
    const clients = new Map(flows.map(flow => [flow, ++ports]));
    for (const [flow, port] of clients) insert(host, flow, port);
    return {
      conntrack: new ConntrackTool(async args => {
        try {
          return { status: 0, stdout: host.tool('conntrack', args), stderr: '' };
        } catch (error) {
          return { status: 1, stdout: '', stderr: String(error) };
        }
      }),
      has: flow => host.entry(CLIENT, flow.originalDst, (clients.get(flow)! << 16) | flow.originalDstPort, numberOf(flow)) !== undefined,
    } satisfies CleanedTable;
  });
}

const numberOf = ({ protocol }: ConntrackFlow): number => protocolOf(protocol)!.number;

function insert(host: RuledHost, flow: ConntrackFlow, port: number): void {
  const protocol = flow.protocol.toLowerCase();
  host.tool('conntrack', [
    ...['-I', '-p', protocol, '-t', '100', '-s', CLIENT, '-d', flow.originalDst],
    ...['--orig-port-src', String(port), '--orig-port-dst', String(flow.originalDstPort)],
    ...['--reply-src', flow.replySrc, '--reply-dst', CLIENT],
    ...['--reply-port-src', String(flow.replySrcPort), '--reply-port-dst', String(port)],
    ...(protocol === 'udp' ? [] : ['--state', 'ESTABLISHED']),
    ...(protocol === 'sctp' ? ['--orig-vtag', '1', '--reply-vtag', '2'] : []),
  ]);
}

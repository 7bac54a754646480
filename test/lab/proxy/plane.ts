/** A node's tools in this process: the router's own rules and words, with no wires and no privilege. */
import { parseIp } from '../../../src/base/ip.ts';
import { type ClusterObject, type EndpointSlice, SERVICE_NAME_LABEL, type Service } from '../../../src/cluster/objects/types.ts';
import type { DataPlane } from '../../../src/lab/plane/data-plane.ts';
import { runIptables } from '../../../src/node/iptables.ts';
import { NodeRules } from '../../../src/node/rules.ts';
import type { ToolName, ToolResult } from '../../../src/node/tool.ts';
import { DEFAULT_MASQUERADE_BIT, DEFAULT_VERSION, dialectOf, markText, type ProxyConfig } from '../../../src/proxy/iptables/config.ts';

export class ToolPlane implements Pick<DataPlane, 'tool'> {
  readonly rules = new NodeRules(false);
  /** As they were typed, without what stood on stdin. */
  readonly calls: string[] = [];
  /** What `conntrack -L` lists. */
  connections: string[] = [];
  /** As a kernel does that lacks something that only table nat asks for. */
  stopsAfterFilter = false;
  /** Says why a call fails. */
  refuse: (call: string) => string | undefined = () => undefined;

  async tool(name: ToolName, args: readonly string[], input: string, onText: (text: string) => void): Promise<ToolResult> {
    const call = [name, ...args].join(' ');
    this.calls.push(call);
    const reason = this.refuse(call);
    if (reason !== undefined) return { stdout: '', stderr: `${reason}\n`, status: 4 };
    if (name === 'iptables-restore' && this.stopsAfterFilter && !args.includes('--test') && input.includes('*nat\n')) {
      runIptables(this.rules, name, args, input.slice(0, input.indexOf('*nat\n')));
      return { stdout: '', stderr: 'iptables-restore: line 20 failed: No such file or directory.\n', status: 4 };
    }
    if (name !== 'conntrack') return runIptables(this.rules, name as 'iptables', args, input);
    if (args[0] === '-L') {
      for (const line of this.connections) onText(`${line}\n`); // as a router lists them: piece by piece
      return { stdout: '', stderr: '', status: 0 };
    }
    const of = (option: string) => args[args.indexOf(option) + 1];
    const gone = (line: string) =>
      line.includes(` dst=${of('--orig-dst')} `) &&
      line.includes(` src=${of('--reply-src')} `) &&
      line.includes(` sport=${of('--reply-port-src')} `);
    for (const line of this.connections.filter(gone)) onText(`${line}\n`);
    this.connections = this.connections.filter(line => !gone(line));
    return { stdout: '', stderr: '', status: 0 };
  }

  text(): string {
    return this.rules.save();
  }
}

export const nodeConfig: ProxyConfig = {
  family: 'IPv4',
  nodeName: 'node1',
  nodeIp: parseIp('192.168.56.11'),
  zone: '',
  localIps: ['127.0.0.1', '192.168.56.11'].map(text => parseIp(text)!),
  masqueradeAll: false,
  masqueradeMark: markText(DEFAULT_MASQUERADE_BIT),
  localDetector: { kind: 'cidr', cidr: '10.244.0.0/16' },
  localhostNodePorts: true,
  nodePortAddresses: [],
  conntrackTcpLiberal: false,
  randomFully: true,
  loadBalancerIPMode: true,
  dialect: dialectOf(DEFAULT_VERSION),
};

export const service = (name: string, more: Partial<Service['spec']> = {}): Service => ({
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: {
    type: 'ClusterIP',
    clusterIP: '10.96.0.10',
    ports: [{ name: '', protocol: 'TCP', port: 80 }],
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ...more,
  },
  status: { loadBalancer: { ingress: [] } },
});

export const slice = (of: string, addresses: readonly string[], more: Partial<EndpointSlice> = {}): EndpointSlice => ({
  kind: 'EndpointSlice',
  metadata: { name: `${of}-1`, namespace: 'default', labels: { [SERVICE_NAME_LABEL]: of } },
  addressType: 'IPv4',
  ports: [{ name: '', protocol: 'TCP', port: 8080 }],
  endpoints: addresses.map(a => ({ addresses: [a], nodeName: `node${a.split('.')[2]}` })),
  ...more,
});

export const added = (current: ClusterObject) => ({ previous: undefined, current });

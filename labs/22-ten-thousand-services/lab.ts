import { converse, expectConntrack, expectHop, expectOutput, expectRule, lab, prepare, probe, tcpSyn } from '../../src/lab/definition.ts';

const COUNT = 1000;
/** 10.96.1.0 and on. The names are in the order of the numbers, and so are the rules. */
const clusterIp = (i: number): string => `10.96.${1 + (i >> 8)}.${i & 255}`;
const name = (i: number): string => `service-${String(i).padStart(4, '0')}`;
const first = clusterIp(0);
const last = clusterIp(COUNT - 1);
const services = Object.fromEntries(
  Array.from({ length: COUNT }, (_, i) => [name(i), { clusterIp: clusterIp(i), port: 80, pods: ['web'] }]),
);
const rulesOf = (address: string): RegExp => new RegExp(`-A KUBE-SERVICES -d ${address.replaceAll('.', '\\.')}/32 .*-j KUBE-SVC-`);
/** Rules of the chain that every first packet walks. */
const portals = "iptables-save -t nat | grep '^-A KUBE-SERVICES .*cluster IP'";

export default lab({
  title: 'Ten thousand Services: the cost of a linear chain, plotted',
  minutes: 15,
  needs: ['vxlan'],
  nodes: ['node1', 'node2'],
  pods: { 'pod-a': { node: 'node1' }, web: { node: 'node2', image: 'kubehop/echo' } },
  services,
  steps: [
    // So that all know each other's MAC: what comes then is about rules.
    prepare('pod-a', 'curl -s --max-time 2 http://10.244.1.1:1/ || true'),
    prepare('web', 'curl -s --max-time 2 http://10.244.2.1:1/ || true'),

    // One chain, a rule for each Service, one behind the other.
    expectOutput('node1', `${portals} -c`, new RegExp(`^${COUNT}$`, 'm')),
    expectOutput('node1', `${portals} | head -1`, new RegExp(`-d ${first.replaceAll('.', '\\.')}/32 `)),
    expectOutput('node1', `${portals} | tail -1`, new RegExp(`-d ${last.replaceAll('.', '\\.')}/32 `)),

    // The first of them and the last do the same to a packet, on either data plane: where a rule stands is not to be seen in it.
    probe('pod-a', tcpSyn(`${first}:80`)),
    expectHop('pod-a/eth0', { dst: `${first}:80`, flags: 'SYN', direction: 'out' }),
    expectHop('web/eth0', { src: '10.244.1.2:40001', dst: '10.244.2.2:8080', flags: 'SYN', direction: 'in' }),
    probe('pod-a', tcpSyn(`${last}:80`, { srcPort: 40_002 })),
    expectHop('pod-a/eth0', { dst: `${last}:80`, flags: 'SYN', direction: 'out' }),
    expectHop('web/eth0', { src: '10.244.1.2:40002', dst: '10.244.2.2:8080', flags: 'SYN', direction: 'in' }),
    expectConntrack('node1', new RegExp(`dst=${last.replaceAll('.', '\\.')} sport=40002 dport=80 `)),

    // Some ten packets, of which one walks the chain.
    converse('pod-a', `curl -s --max-time 10 http://${last}/`, { output: /"pod":"web"/ }),
    expectRule('node1', rulesOf(first), 1),
    expectRule('node1', rulesOf(clusterIp(COUNT >> 1)), 0),
    expectRule('node1', rulesOf(last), 2),
  ],
});

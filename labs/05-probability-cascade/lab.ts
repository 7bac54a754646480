import { burst, expectHop, expectOutput, expectShares, lab, prepare, probe, tcpSyn } from '../../src/lab/definition.ts';

const FLOWS = 6000;
const web = ['web-1', 'web-2', 'web-3', 'web-4', 'web-5'];
const backend = { node: 'node1', image: 'kubehop/echo' } as const;
const rulesOf = (service: string) => `iptables-save -t nat | grep 'default/${service} ->'`;
const seen = (pods: readonly string[]) => pods.map(pod => `${pod}/eth0`);

export default lab({
  title: 'The probability cascade: random, not round robin',
  minutes: 15,
  needs: ['xt_statistic'],
  nodes: ['node1'],
  pods: Object.fromEntries(web.map(pod => [pod, backend])),
  outside: { client: '203.0.113.9/24' },
  services: {
    one: { clusterIp: '10.96.0.1', port: 80, nodePort: 30001, pods: web.slice(0, 1) },
    three: { clusterIp: '10.96.0.3', port: 80, nodePort: 30003, pods: web.slice(0, 3) },
    five: { clusterIp: '10.96.0.5', port: 80, nodePort: 30005, pods: web },
  },
  steps: [
    // One endpoint: nothing to draw.
    probe('client', tcpSyn('192.168.56.11:30001', { seq: 500_000 })),
    expectHop('web-1/eth0', { dst: '10.244.1.2:8080', flags: 'SYN', direction: 'in' }),
    expectHop('client/eth0', { src: '192.168.56.11:30001', flags: 'SYN,ACK' }),

    // The probabilities as iptables gives them back: 31 bits, printed with eleven decimals. The last endpoint takes what is left.
    expectOutput('node1', rulesOf('three'), /10\.244\.1\.2:8080" -m statistic --mode random --probability 0\.33333333349 /),
    expectOutput('node1', rulesOf('three'), /10\.244\.1\.3:8080" -m statistic --mode random --probability 0\.50000000000 /),
    expectOutput('node1', rulesOf('three'), /10\.244\.1\.4:8080" -j KUBE-SEP-/),
    expectOutput('node1', rulesOf('five'), /10\.244\.1\.2:8080" -m statistic --mode random --probability 0\.20000000019 /),
    expectOutput('node1', rulesOf('five'), /10\.244\.1\.6:8080" -j KUBE-SEP-/),
    expectOutput('node1', rulesOf('one'), /10\.244\.1\.2:8080" -j KUBE-SEP-/),

    prepare('node1', 'conntrack -F'),
    burst('client', tcpSyn('192.168.56.11:30003', { srcPort: 10_000 }), FLOWS),
    expectShares('three', seen(web.slice(0, 3))),

    prepare('node1', 'conntrack -F'),
    burst('client', tcpSyn('192.168.56.11:30005', { srcPort: 10_000 }), FLOWS),
    expectShares('five', seen(web)),
  ],
});

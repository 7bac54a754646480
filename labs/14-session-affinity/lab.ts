import {
  crowd,
  expectHop,
  expectLoyalty,
  expectOutput,
  expectRule,
  lab,
  onPlane,
  prepare,
  probe,
  tcpSyn,
} from '../../src/lab/definition.ts';

const web = ['web-1/eth0', 'web-2/eth0'];
const backend = { node: 'node1', image: 'kubehop/echo' } as const;
const two = '192.168.56.11:30002';
const rulesOf = (service: string) => `iptables-save -t nat | grep 'default/${service}'`;

/** The client's kernel takes whatever comes for 203.0.113.16 to .254: as many clients as that, and one machine. */
const manyAddresses = 'for net in 16/28 32/27 64/26 128/25; do ip route replace local 203.0.113.$net dev eth0; done';
const FIRST = '203.0.113.16';

export default lab({
  title: 'Session affinity, and its 100-client cliff',
  minutes: 15,
  needs: ['xt_recent'],
  nodes: ['node1'],
  pods: { 'web-1': backend, 'web-2': backend },
  outside: { client: '203.0.113.9/24' },
  manifests: ['services.yaml'],
  steps: [
    prepare('client', manyAddresses),
    prepare('node1', 'conntrack -F'),

    // One endpoint: the way through the rules. The endpoint's chain writes the client down, with the DNAT in one rule.
    probe('client', tcpSyn('192.168.56.11:30001', { seq: 500_000 })),
    expectHop('web-1/eth0', { src: '10.244.1.1:*', dst: '10.244.1.2:8080', flags: 'SYN', direction: 'in' }),
    expectHop('client/eth0', { src: '192.168.56.11:30001', dst: '203.0.113.9:40001', flags: 'SYN,ACK' }),
    expectRule(
      'node1',
      /-A KUBE-SEP-\w+ -p tcp .*"default\/one" -m recent --set --name KUBE-SEP-\w+ --mask 255\.255\.255\.255 --rsource .*-j DNAT/,
      1,
    ),
    expectOutput(
      'node1',
      rulesOf('one'),
      /-A KUBE-SVC-\w+ .* -m recent --rcheck --seconds 10800 --reap --name KUBE-SEP-\w+ .*-j KUBE-SEP-/,
    ),
    expectOutput('node1', rulesOf('two'), /--rcheck --seconds 3600 --reap .*\n.*--rcheck --seconds 3600 --reap .*\n.*--probability 0\.5/),

    // One client, two hundred connections, one backend.
    crowd('client', tcpSyn(two, { srcPort: 10_000, seq: 1_000_000 }), { rounds: 200 }),
    expectLoyalty('two', web, [0, 0]),

    // Eighty clients: they fit into one list, however they are shared.
    crowd('client', tcpSyn(two, { srcPort: 11_000, seq: 2_000_000 }), { first: FIRST, clients: 80, rounds: 3 }),
    expectLoyalty('two', web, [0, 0]),

    // Two hundred and thirty: more than two lists of a hundred can hold. Nothing says so, and every second one goes elsewhere.
    crowd('client', tcpSyn(two, { srcPort: 12_000, seq: 3_000_000 }), { first: FIRST, clients: 230, rounds: 2 }),
    expectLoyalty('two', web, [46, 184]),
    onPlane('node1', 'kernel', expectOutput('node1', 'wc -l /proc/net/xt_recent/KUBE-SEP-*', /^ *100 .*\n *100 /m)),
  ],
});

import {
  burst,
  converse,
  crowd,
  expectConntrack,
  expectHop,
  expectLoyalty,
  expectNothing,
  expectOutput,
  expectShares,
  type LabStep,
  lab,
  ping,
  prepare,
  probe,
  serve,
  tcpSyn,
  whoHas,
} from '../../src/lab/definition.ts';

const everyNode = 'ee:ee:ee:ee:ee:ee';
const podA = '0a:58:0a:f4:01:02';
const node1 = '02:00:c0:a8:38:0b';
const node2 = '02:00:c0:a8:38:0c';
const tor = '02:00:c0:a8:38:02';

/** What BIRD is told to do is done a moment later: the next step begins when it is. @param pattern of grep -Pzo over what `ip route` prints */
const wait = (where: string, pattern: string): LabStep =>
  prepare(where, `timeout 30 sh -c 'until ip route | tr "\\n" " " | grep -qE "${pattern}"; do sleep 0.1; done'`);
const sessions = (where: string, verb: 'enable' | 'disable', names: string): LabStep => prepare(where, `birdc '${verb} "${names}"'`);

const viaTor = '10.244.3.0/26 via 192.168.56.2 ';
const viaTor2 = '10.244.3.0/26 via 192.168.56.3 ';
const viaBoth = '10.244.3.0/26 proto bird[^/]*via 192.168.56.2 dev eth0[^/]*via 192.168.56.3 dev eth0';

/** What a pod of Calico sees: the same on every network. */
const inThePod: LabStep[] = [
  expectOutput('pod-a', 'ip -4 -o address show eth0', /inet 10\.244\.1\.2\/32 scope global eth0/),
  expectOutput('pod-a', 'ip route', /^default via 169\.254\.1\.1 dev eth0 \n169\.254\.1\.1 dev eth0 scope link \n$/),
  // Nobody has 169.254.1.1, and nobody here has 10.244.1.3 either as far as the wire goes: each question gets the same answer.
  probe('pod-a', whoHas('169.254.1.1')),
  expectHop('pod-a/eth0', { protocol: 'arp', kind: 'reply', src: '169.254.1.1', srcMac: everyNode, direction: 'in' }),
  probe('pod-a', whoHas('10.244.1.3')),
  expectHop('pod-a/eth0', { protocol: 'arp', kind: 'reply', src: '10.244.1.3', srcMac: everyNode, direction: 'in' }),
  expectNothing('pod-c/eth0', { protocol: 'arp', dst: '10.244.1.3', src: '10.244.1.2' }),
  // On the same node: a hop, not a bridge.
  probe('pod-a', ping('10.244.1.3')),
  expectHop('pod-a/eth0', { dst: '10.244.1.3', srcMac: podA, dstMac: everyNode, ttl: 64, direction: 'out' }),
  expectHop('pod-c/eth0', { src: '10.244.1.2', dst: '10.244.1.3', srcMac: everyNode, ttl: 63, direction: 'in' }),
  converse('pod-a', 'ping -n -c 1 -W 5 10.244.1.3', { output: /ttl=63/ }),
  expectOutput('pod-a', 'ip neigh', /^169\.254\.1\.1 dev eth0 lladdr ee:ee:ee:ee:ee:ee /m),
  expectOutput('node1', 'ip link show type bridge', /^$/),
  expectOutput('node1', 'ip route', /^10\.244\.1\.2 dev cali5e1c4d6c68c scope link \n10\.244\.1\.3 dev cali3754a2f57f6 scope link $/m),
  expectOutput('node1', 'ip route', /^blackhole 10\.244\.1\.0\/26 proto bird $/m),
];

/** An address of the block that no pod has. */
const toNobody: LabStep[] = [
  probe('pod-a', ping('10.244.1.60')),
  expectHop('pod-a/eth0', { dst: '10.244.1.60', direction: 'out' }),
  expectNothing('node1/eth0', { dst: '10.244.1.60' }),
  expectNothing('pod-a/eth0', { protocol: 'icmp', kind: '3/1' }),
];

export default lab({
  title: 'Pure routing: no bridge, no envelope, and routes that BGP tells',
  minutes: 30,
  needs: ['bird', 'ping'],
  nodes: ['node1', 'node2', 'node3'],
  far: ['node3'],
  podNetwork: 'calico-bgp',
  topOfRack: 2,
  pods: {
    'pod-a': { node: 'node1' },
    'pod-c': { node: 'node1' },
    'pod-b': { node: 'node2', image: 'kubehop/echo' },
    web: { node: 'node3', image: 'kubehop/echo' },
  },
  outside: { client: '203.0.113.9/24' },
  services: { web: { clusterIp: '10.96.0.50', port: 80, nodePort: 30080, pods: ['web'] } },
  steps: [
    prepare('node1', 'sysctl -qw net.ipv4.fib_multipath_hash_policy=0'),
    sessions('node3', 'enable', 'Node_*'),
    sessions('tor', 'enable', 'node*'),
    // One way to begin with: then there is no choice that the two runs could make differently.
    sessions('tor2', 'disable', 'node*'),
    wait('node1', viaTor),
    wait('node3', '10.244.1.0/26 via 192.168.57.2 .*192.168.56.0/24 via 192.168.57.2 '),

    // To node3, in another rack: through the router on top of it. Both pods' addresses are on every wire.
    probe('pod-a', ping('10.244.3.2')),
    expectHop('node1/eth0', { src: '10.244.1.2', dst: '10.244.3.2', srcMac: node1, dstMac: tor, ttl: 63, outer: false }),
    expectHop('tor/eth1', { src: '10.244.1.2', dst: '10.244.3.2', ttl: 62, direction: 'out', outer: false }),
    expectHop('web/eth0', { src: '10.244.1.2', dst: '10.244.3.2', ttl: 61, direction: 'in' }),
    expectHop('pod-a/eth0', { src: '10.244.3.2', dst: '10.244.1.2', kind: 'echo reply', ttl: 61, direction: 'in' }),
    // To node2, which stands in the same rack: straight to its MAC.
    probe('pod-a', ping('10.244.2.2')),
    expectHop('node1/eth0', { src: '10.244.1.2', dst: '10.244.2.2', srcMac: node1, dstMac: node2, ttl: 63, outer: false }),
    expectNothing('tor/eth0', { src: '10.244.1.2', dst: '10.244.2.2' }),
    expectHop('pod-b/eth0', { src: '10.244.1.2', dst: '10.244.2.2', srcMac: everyNode, ttl: 62, direction: 'in' }),
    ...inThePod,
    ...toNobody,

    // Services are kube-proxy's, here as everywhere.
    converse('pod-a', 'curl -s --max-time 10 http://10.96.0.50/', { output: /"pod":"web","node":"node3","client":"10\.244\.1\.2"/ }),
    expectConntrack('node1', /tcp .*src=10\.244\.1\.2 dst=10\.96\.0\.50 .*src=10\.244\.3\.2 dst=10\.244\.1\.2/),
    converse('client', 'curl -s --max-time 10 http://192.168.56.11:30080/', {
      output: /"pod":"web","node":"node3","client":"192\.168\.56\.11"/,
    }),
    // Outside nobody has a route to a pod: felix lets it leave with the node's address.
    serve('client', 8080),
    converse('pod-a', 'curl -s --max-time 10 http://203.0.113.9:8080/', { output: /"client":"192\.168\.56\.11"/ }),

    // What BIRD says on top of the rack: the blocks, and no pod.
    expectOutput(
      'tor',
      'birdc show route | grep -o "^10[^ ]*" | sort | tr "\\n" " "',
      /^10\.244\.1\.0\/26 10\.244\.2\.0\/26 10\.244\.3\.0\/26 $/,
    ),

    // The second router speaks too: two ways of the same length.
    sessions('tor2', 'enable', 'node*'),
    wait('node1', viaBoth),
    wait('node3', '10.244.1.0/26 proto bird[^/]*via 192.168.57.2 dev eth0[^/]*via 192.168.57.3 dev eth0'),
    expectOutput(
      'node1',
      'ip route show 10.244.3.0/26',
      /nexthop via 192\.168\.56\.2 dev eth0 weight 1 \n\tnexthop via 192\.168\.56\.3 dev eth0 weight 1/,
    ),
    // By addresses alone: between two pods there is one way.
    crowd('pod-a', tcpSyn('10.244.3.2:8080', { srcPort: 20_001 }), { rounds: 200 }),
    expectLoyalty('10.244.3.0/26', ['tor/eth0', 'tor2/eth0'], [0, 0]),
    // With the ports as well: each connection has its own, and keeps it.
    prepare('node1', 'sysctl -qw net.ipv4.fib_multipath_hash_policy=1'),
    burst('pod-a', tcpSyn('10.244.3.2:8080', { srcPort: 30_001 }), 2000),
    expectShares('10.244.3.0/26', ['tor/eth0', 'tor2/eth0']),
    prepare('node1', 'sysctl -qw net.ipv4.fib_multipath_hash_policy=0'),

    // A router goes: its way goes with it. A node goes: so does its block, everywhere.
    sessions('tor', 'disable', 'node*'),
    wait('node1', viaTor2),
    wait('node3', '10.244.1.0/26 via 192.168.57.3 '),
    converse('pod-a', 'ping -n -c 1 -W 5 10.244.3.2', { output: /ttl=61/, compared: false }),
    sessions('node3', 'disable', 'Node_*'),
    expectOutput('node1', 'ip route show 10.244.3.0/26', /^$/),
    expectOutput('tor2', 'birdc show route | grep -c ^10.244.3.0/26; true', /^0$/m),
    // What has no better way goes by the default route, out of the cluster, where nobody knows it.
    probe('pod-a', ping('10.244.3.2')),
    expectHop('upstream/eth0', { src: '10.244.1.2', dst: '10.244.3.2', ttl: 63, direction: 'in' }),
    expectNothing('web/eth0', { dst: '10.244.3.2', ttl: 62 }),
    sessions('node3', 'enable', 'Node_*'),
    sessions('tor', 'enable', 'node*'),
    wait('node1', viaBoth),
  ],

  networks: {
    // The same pods where the network between the racks knows no pods: between them each packet goes in an envelope of 20 bytes.
    'calico-ipip': {
      title: 'Pure routing: an envelope of twenty bytes where the network knows no pods',
      needs: ['bird', 'ipip', 'ping'],
      ipip: 'cross-subnet',
      steps: [
        // To another network: in an envelope that upstream carries, since it knows the nodes.
        probe('pod-a', ping('10.244.3.2')),
        expectHop('node1/tunl0', { src: '10.244.1.2', dst: '10.244.3.2', ttl: 63 }),
        expectHop('node1/eth0', {
          src: '10.244.1.2',
          dst: '10.244.3.2',
          ttl: 63,
          outer: { srcMac: node1, src: '192.168.56.11', dst: '192.168.57.13', ttl: 63 },
        }),
        expectHop('upstream/eth1', { dst: '10.244.3.2', ttl: 63, direction: 'out', outer: { dst: '192.168.57.13', ttl: 62 } }),
        expectHop('node3/tunl0', { src: '10.244.1.2', dst: '10.244.3.2', ttl: 63 }),
        expectHop('web/eth0', { src: '10.244.1.2', dst: '10.244.3.2', ttl: 62, direction: 'in' }),
        // On the same network: as it is.
        probe('pod-a', ping('10.244.2.2')),
        expectHop('node1/eth0', { src: '10.244.1.2', dst: '10.244.2.2', srcMac: node1, dstMac: node2, ttl: 63, outer: false }),
        expectHop('pod-b/eth0', { src: '10.244.1.2', dst: '10.244.2.2', ttl: 62, direction: 'in' }),
        ...inThePod,
        ...toNobody,
        expectOutput('pod-a', 'ip -o link show eth0', /mtu 1480/),
        expectOutput('node1', 'ip route', /^10\.244\.2\.0\/26 via 192\.168\.56\.12 dev eth0 proto bird $/m),
        expectOutput('node1', 'ip route', /^10\.244\.3\.0\/26 via 192\.168\.57\.13 dev tunl0 proto bird onlink $/m),
        converse('pod-a', 'ping -n -c 1 -W 5 -M do -s 1452 10.244.3.2', { output: /1460 bytes from 10\.244\.3\.2: icmp_seq=1 ttl=62/ }),
        expectOutput('pod-a', 'ping -n -c 1 -W 5 -M do -s 1453 10.244.3.2 2>&1 || true', /message too long, mtu=1480/),
        converse('pod-a', 'curl -s --max-time 10 http://10.96.0.50/', { output: /"pod":"web","node":"node3","client":"10\.244\.1\.2"/ }),
        // The node's address towards a pod is that of the way there.
        converse('client', 'curl -s --max-time 10 http://192.168.56.11:30080/', {
          output: /"pod":"web","node":"node3","client":"10\.244\.1\.0"/,
        }),
      ],
    },
  },
});

import {
  converse,
  expectConntrack,
  expectHop,
  expectNoConntrack,
  expectNothing,
  expectOutput,
  expectRule,
  hinted,
  lab,
  loadRules,
  prepare,
  probe,
  serve,
  tcpSyn,
} from '../../src/lab/definition.ts';

const localnet = 'net.ipv4.conf.all.route_localnet';
const preroutingRule = /-A PREROUTING .*--dport 30080 .*-j DNAT --to-destination 127\.0\.0\.1:8080/;
const outputRule = /-A OUTPUT .*--dport 30080 .*-j DNAT --to-destination 127\.0\.0\.1:8080/;
const forwardRule = /-A FORWARD -d 127\.0\.0\.1\/32 .*--dport 8080 -j ACCEPT/;
const synTo = (dst: string, src: string) => ({ src, dst, flags: 'SYN' });
const curl = (url: string, ports = '') => `curl -s --max-time 2 ${ports}http://${url}/`;

export default lab({
  title: 'DNAT by hand: 30080 to 8080, PREROUTING against OUTPUT, route_localnet',
  minutes: 25,
  needs: ['python3'],
  nodes: ['node1'],
  pods: { 'pod-a': { node: 'node1', image: 'kubehop/echo' } },
  outside: { client: '203.0.113.9/24' },
  // Somebody else's rules on the same node: what a flush of the whole table takes with it.
  services: { web: { clusterIp: '10.96.0.10', port: 80, nodePort: 30081, pods: ['pod-a'] } },
  steps: [
    // A node as it is without kube-proxy: packets for 127.0.0.0/8 are not let in from a wire.
    loadRules('node1'),
    prepare('node1', `sysctl -q -w ${localnet}=0`),
    prepare('node1', 'conntrack -F'),

    // 1. A server on port 8080.
    serve('node1', 8080),
    expectOutput('node1', curl('127.0.0.1:8080'), /"client":"127\.0\.0\.1"/),
    expectOutput('node1', `${curl('127.0.0.1:30080')}; echo exit $?`, /^exit 7$/m),

    // 2. and 3. The three rules.
    prepare('node1', 'iptables -t nat -A PREROUTING -p tcp --dport 30080 -j DNAT --to-destination 127.0.0.1:8080'),
    prepare('node1', 'iptables -t nat -A OUTPUT -p tcp --dport 30080 -j DNAT --to-destination 127.0.0.1:8080'),
    prepare('node1', 'iptables -A FORWARD -p tcp -d 127.0.0.1 --dport 8080 -j ACCEPT'),

    // 4. From the node itself: OUTPUT rewrites, PREROUTING is not asked.
    expectOutput('node1', curl('127.0.0.1:30080'), /"client":"127\.0\.0\.1"/),
    expectRule('node1', outputRule, 1),
    expectRule('node1', preroutingRule, 0),
    expectConntrack('node1', /src=127\.0\.0\.1 dst=127\.0\.0\.1 sport=\d+ dport=30080 .*src=127\.0\.0\.1 dst=127\.0\.0\.1 sport=8080 /),

    // From outside: rewritten to 127.0.0.1 as well, and that is a martian.
    probe('client', tcpSyn('192.168.56.11:30080')),
    expectHop('node1/eth0', { ...synTo('192.168.56.11:30080', '203.0.113.9:40001'), direction: 'in' }),
    expectNothing('client/eth0', { src: '192.168.56.11:30080', dst: '203.0.113.9:40001' }),
    expectRule('node1', preroutingRule, 1),
    expectNoConntrack('node1', /sport=40001 dport=30080/),

    // The sysctl that lets it in.
    prepare('node1', `sysctl -q -w ${localnet}=1`),
    probe('client', tcpSyn('192.168.56.11:30080', { srcPort: 40_002 })),
    expectHop('client/eth0', { src: '192.168.56.11:30080', dst: '203.0.113.9:40002', flags: 'SYN,ACK', ttl: 63 }),
    expectConntrack('node1', /dst=192\.168\.56\.11 sport=40002 dport=30080 .*src=127\.0\.0\.1 dst=203\.0\.113\.9 sport=8080 dport=40002/),
    prepare('node1', `sysctl -q -w ${localnet}=0`),
    // Three packets to 127.0.0.1, one of them let in: none was forwarded.
    expectRule('node1', forwardRule, 0),

    // The rule in OUTPUT does not ask whose port it is.
    expectOutput('node1', curl('203.0.113.9:30080'), /"node":"node1"/),
    expectNothing('node1/eth0', { dst: '203.0.113.9:30080', src: '127.0.0.1:*' }),

    // 5. The rules, with what they have counted.
    expectOutput('node1', 'iptables -t nat -L -n -v', /^ +2 +\d+ DNAT .*tcp dpt:30080 to:127\.0\.0\.1:8080$/m),

    // 6. The clean-up, and what else was in that table.
    converse('client', curl('192.168.56.11:30081', '--local-port 40100-40149 '), { output: /"pod":"pod-a"/ }),
    prepare('node1', 'iptables -t nat -F'),
    probe('client', tcpSyn('192.168.56.11:30081', { srcPort: 40_003 })),
    expectHop('client/eth0', { src: '192.168.56.11:30081', dst: '203.0.113.9:40003', flags: 'RST,ACK' }),
    expectOutput('node1', 'iptables -t nat -S KUBE-PROXY-CANARY', /^-N KUBE-PROXY-CANARY$/m),
    expectOutput('node1', 'iptables -t nat -S | grep -c ^-A', /^0$/m),

    // Now yours.
    ...hinted('what iptables-restore says of it names the line', loadRules('node1', 'node1.rules')),
    prepare('node1', 'conntrack -F'),
    ...hinted(
      'node1 itself asks: its packets meet OUTPUT and not PREROUTING. The exercise wants it without route_localnet',
      expectOutput('node1', `sysctl -n ${localnet}`, /^0$/m),
      expectOutput('node1', curl('127.0.0.1:30080'), /"node":"node1"/),
    ),
    probe('client', tcpSyn('192.168.56.11:30080', { srcPort: 40_004 })),
    expectHop('node1/eth0', { ...synTo('192.168.56.11:30080', '203.0.113.9:40004'), direction: 'in' }),
    ...hinted(
      'to which address of node1 may a packet from outside be routed? 127.0.0.0/8 is not one of them',
      expectHop('client/eth0', { src: '192.168.56.11:30080', dst: '203.0.113.9:40004', flags: 'SYN,ACK' }),
      expectConntrack(
        'node1',
        /src=203\.0\.113\.9 dst=192\.168\.56\.11 sport=40004 dport=30080 .*dst=203\.0\.113\.9 sport=8080 dport=40004/,
      ),
      converse('client', curl('192.168.56.11:30080', '--local-port 40150-40199 '), {
        output: /"node":"node1","client":"203\.0\.113\.9"/,
      }),
    ),
    ...hinted(
      'one rule in each chain, which sees the first packet of a connection; a first packet that gets nowhere is one again when it is repeated',
      expectRule('node1', /-A PREROUTING .*--dport 30080 /, 2),
      expectRule('node1', /-A OUTPUT .*--dport 30080 /, 1),
    ),
    // Port 30080 of somebody else is none of your business: the client has nobody there, and says so.
    ...hinted(
      'whose port 30080? kube-proxy asks by `-m addrtype --dst-type LOCAL`: see the last rule of KUBE-SERVICES',
      expectOutput('node1', `${curl('203.0.113.9:30080', '--local-port 40200-40249 ')}; echo exit $?`, /^exit 7$/m),
      expectHop('client/eth0', { src: '192.168.56.11:*', dst: '203.0.113.9:30080', flags: 'SYN', direction: 'in' }),
    ),
    // The Service beside it works as before.
    ...hinted(
      'the Service on port 30081 is not yours: which of your rules takes its packets?',
      converse('client', curl('192.168.56.11:30081', '--local-port 40250-40299 '), { output: /"pod":"pod-a"/ }),
    ),
  ],
});

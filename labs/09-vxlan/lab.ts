import {
  converse,
  expectConntrack,
  expectHop,
  expectNoConntrack,
  expectNothing,
  expectOutput,
  hinted,
  lab,
  loadRules,
  ping,
  prepare,
  probe,
  tcp,
} from '../../src/lab/definition.ts';

const podA = '0a:58:0a:f4:01:02';
const gateway1 = '0a:58:0a:f4:01:01';
const vtep1 = '0e:00:0a:f4:01:00';
const vtep2 = '0e:00:0a:f4:02:00';
const node1 = '02:00:c0:a8:38:0b';
const node2 = '02:00:c0:a8:38:0c';
const podB = '0a:58:0a:f4:02:02';

/** Nobody knows this connection: conntrack takes it up in the middle (nf_conntrack_tcp_loose), and the rules see a first packet. */
const dataTo = (dst: string, srcPort: number, bytes: number) =>
  tcp(dst, { flags: 'PSH,ACK', srcPort, seq: 1_000_000, ack: 2_000_000, text: 'x'.repeat(bytes) });

/** What came, and how much of it. */
const fetch = "curl -s --max-time 4 -o /dev/null -w '%{http_code} %{size_download}'";

export default lab({
  title: 'VXLAN: two envelopes, MTU 1450, fragmentation needed',
  minutes: 20,
  needs: ['vxlan', 'ping'],
  nodes: ['node1', 'node2'],
  pods: {
    'pod-a': { node: 'node1' },
    'pod-b': { node: 'node2', image: 'kubehop/echo' },
  },
  outside: { client: '203.0.113.9/24' },
  services: { web: { clusterIp: '10.96.0.50', port: 80, nodePort: 30080, pods: ['pod-b'] } },
  steps: [
    // As it is when the lab comes up, whatever was tried before.
    prepare('pod-b', 'ip link set eth0 mtu 1450'),
    // A connection into the black hole ends after three seconds instead of fifteen minutes: in what comes next nobody sends for it any more.
    prepare('pod-b', 'sysctl -q -w net.ipv4.tcp_retries2=3'),
    loadRules('node2'),

    // One echo request: four envelopes one after the other, two of them at once.
    probe('pod-a', ping('10.244.2.2')),
    expectHop('pod-a/eth0', { src: '10.244.1.2', dst: '10.244.2.2', srcMac: podA, dstMac: gateway1, ttl: 64, direction: 'out' }),
    expectHop('node1/flannel.1', { src: '10.244.1.2', dst: '10.244.2.2', srcMac: vtep1, dstMac: vtep2, ttl: 63 }),
    expectHop('node1/eth0', {
      src: '10.244.1.2',
      dst: '10.244.2.2',
      srcMac: vtep1,
      dstMac: vtep2,
      ttl: 63,
      outer: { srcMac: node1, dstMac: node2, src: '192.168.56.11', dst: '192.168.56.12', ttl: 64, vni: 1 },
    }),
    expectHop('node2/flannel.1', { src: '10.244.1.2', dst: '10.244.2.2', srcMac: vtep1, dstMac: vtep2, ttl: 63 }),
    expectHop('pod-b/eth0', { src: '10.244.1.2', dst: '10.244.2.2', dstMac: podB, ttl: 62, direction: 'in' }),
    expectHop('pod-a/eth0', { src: '10.244.2.2', dst: '10.244.1.2', kind: 'echo reply', ttl: 62, direction: 'in' }),
    expectConntrack('node1', /udp .*src=192\.168\.56\.11 dst=192\.168\.56\.12 .*dport=8472 \[UNREPLIED\]/),
    expectConntrack('node1', /udp .*src=192\.168\.56\.12 dst=192\.168\.56\.11 .*dport=8472 \[UNREPLIED\]/),

    // 1500 bytes from outside fit every wire that the client sees, and not the tunnel.
    probe('client', dataTo('192.168.56.11:30080', 40_001, 1460)),
    expectHop('node1/eth0', { src: '203.0.113.9:40001', dst: '192.168.56.11:30080', direction: 'in' }),
    expectNothing('node1/flannel.1', { payload: 1460 }),
    expectHop('node1/eth0', { src: '192.168.56.11', dst: '203.0.113.9', kind: '3/4', direction: 'out' }),
    expectHop('client/eth0', { src: '192.168.56.11', dst: '203.0.113.9', kind: '3/4', ttl: 63, direction: 'in' }),
    expectNoConntrack('node1', /sport=40001/),

    // 1450 bytes do. pod-b knows no such connection, and its reset finds the way back.
    probe('client', dataTo('192.168.56.11:30080', 40_002, 1410)),
    expectHop('node1/flannel.1', { src: '10.244.1.0:*', dst: '10.244.2.2:8080', srcMac: vtep1, dstMac: vtep2 }),
    expectHop('pod-b/eth0', { src: '10.244.1.0:*', dst: '10.244.2.2:8080', direction: 'in' }),
    expectHop('client/eth0', { src: '192.168.56.11:30080', dst: '203.0.113.9:40002', flags: 'RST', direction: 'in' }),

    // The pod's own device says what fits; without DF a datagram is cut, and each piece gets envelopes of its own.
    converse('pod-a', 'ping -n -c 1 -W 5 -M do -s 1422 10.244.2.2', { output: /1430 bytes from 10\.244\.2\.2: icmp_seq=1 ttl=62/ }),
    expectOutput('pod-a', 'ping -n -c 1 -W 5 -M do -s 1423 10.244.2.2 2>&1 || true', /message too long, mtu=1450/),
    converse('pod-a', 'ping -n -c 1 -W 5 -M dont -s 4000 10.244.2.2', { output: /4008 bytes from 10\.244\.2\.2: icmp_seq=1 ttl=62/ }),
    // TCP asks beforehand: with a MSS of 1410 in pod-b's SYN,ACK nothing is ever too long.
    converse('client', 'curl -s --max-time 20 http://192.168.56.11:30080/', {
      output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.0"/,
    }),

    expectOutput('pod-a', 'ip -o link show eth0', /mtu 1450/),

    // A black hole: pod-b believes in 1500 bytes, and nobody tells it better. Rules of yours on node2 are to mend it.
    ...hinted('what iptables-restore says of it names the line', loadRules('node2', 'node2.rules')),
    prepare('pod-b', 'ip link set eth0 mtu 1500'),
    // A client that keeps little for later: what is on the way at a time fits into every ring.
    prepare('client', 'sysctl -q -w net.ipv4.tcp_rmem="4096 16384 65536"'),
    prepare('node2', 'iptables -I OUTPUT -p icmp --icmp-type fragmentation-needed -j DROP'),
    ...hinted(
      'what is small passes in any case: do your rules drop it?',
      converse('client', `${fetch} http://192.168.56.11:30080/`, { output: /^200 /m }),
    ),
    ...hinted(
      'pod-b sends as much as the client has asked for in its SYN, and that SYN passes FORWARD of node2: which target changes the MSS in it?',
      expectOutput('node2', 'iptables-save -t mangle | grep -c TCPMSS || true', /^[1-9]/m),
      converse('client', `${fetch} http://192.168.56.11:30080/1MiB`, { output: /^200 1048576$/m, compared: false }),
      // 1500 less two headers of 20 bytes and the 12 of TCP's timestamps.
      expectNothing('pod-b/eth0', { src: '10.244.2.2:8080', payload: 1448 }),
    ),
  ],
});

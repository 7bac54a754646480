import {
  advance,
  converse,
  expectConntrack,
  expectEvents,
  expectHop,
  expectNoConntrack,
  expectRule,
  finish,
  follow,
  type LabStep,
  lab,
  onPlane,
  prepare,
  probe,
  start,
  tcp,
  udpDatagram,
} from '../../src/lab/definition.ts';
import { serviceChain } from '../../src/proxy/iptables/chain-names.ts';

const service = '10.96.0.10:80';
const rule = `KUBE-SERVICES -d 10.96.0.10/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80 -j ${serviceChain('SVC', 'default/web', 'tcp')}`;

/** First sequence numbers of the two ends: the client's and the server's. */
const C = 1_000_000;
const S = 5_000_000;

/** A segment of the client's, and what arrives; then one of the server's. */
const fromClient = (srcPort: number, flags: string, seq: number, ack: number, text = ''): LabStep[] => [
  probe('pod-a', tcp(service, { flags, srcPort, seq, ack, text })),
  expectHop('pod-b/eth0', { src: `10.244.1.2:${srcPort}`, dst: '10.244.2.2:8080', flags, payload: text.length, direction: 'in' }),
];
const fromServer = (port: number, flags: string, seq: number, ack: number): LabStep[] => [
  probe('pod-b', tcp(`10.244.1.2:${port}`, { flags, srcPort: 8080, seq, ack })),
  expectHop('pod-a/eth0', { src: service, dst: `10.244.1.2:${port}`, flags, direction: 'in' }),
];
const handshake = (port: number): LabStep[] => [
  ...fromClient(port, 'SYN', C, 0),
  ...fromServer(port, 'SYN,ACK', S, C + 1),
  ...fromClient(port, 'ACK', C + 1, S + 1),
];

const datagram = (from: string, dst: string, text: string, srcPort: number, to: string): LabStep[] => [
  probe(from, udpDatagram(dst, text, srcPort)),
  expectHop(`${to}/eth0`, { protocol: 'udp', dst, payload: text.length, direction: 'in' }),
];

/** A number of seconds that has begun to run out, but not for long. */
const upTo = (seconds: number): string => `(${Array.from({ length: 6 }, (_, i) => seconds - i).join('|')})`;
/** The entry of a connection to the Service, with its state and what it has left. */
const inState = (port: number, state: string, seconds: number): LabStep =>
  expectConntrack('node1', new RegExp(`tcp +6 ${upTo(seconds)} ${state} src=10\\.244\\.1\\.2 dst=10\\.96\\.0\\.10 sport=${port} `));
const sysctl = (...settings: string[]): LabStep =>
  prepare('node1', `sysctl -q -w ${settings.map(setting => `net.netfilter.nf_conntrack_${setting}`).join(' ')}`);

/** The ends of the probes are made here: their kernels are to know nothing of them, not even to reset them. */
const deaf = (pod: string, side: string): LabStep =>
  prepare(pod, `iptables -F INPUT; for p in tcp udp; do iptables -A INPUT -p $p --${side} 40001:40009 -j DROP; done`);

/** A connection by hand: bash opens one when it is told so, and closes it when it ends. */
const open = 'exec 3<>/dev/tcp/10.96.0.10/80';
const get = (header: string): string => `printf "GET / HTTP/1.1\\r\\nHost: web\\r\\n${header}\\r\\n"`;

export default lab({
  title: 'conntrack: the first packet decides',
  minutes: 25,
  needs: ['vxlan', 'bash'],
  nodes: ['node1', 'node2'],
  pods: {
    'pod-a': { node: 'node1' },
    'pod-b': { node: 'node2', image: 'kubehop/echo' },
  },
  lookAt: 'ports',
  services: { web: { clusterIp: '10.96.0.10', port: 80, pods: ['pod-b'] } },
  steps: [
    deaf('pod-a', 'dport'),
    deaf('pod-b', 'sport'),
    prepare('pod-b', `pkill -CONT -f 'echo-server.ts pod-[b]'; rm -f /run/go-on`),
    // So that every MAC is known.
    prepare('pod-a', 'curl -s --max-time 2 http://10.244.1.1:1/ || true'),
    prepare('pod-b', 'curl -s --max-time 2 http://10.244.2.1:1/ || true'),
    prepare('node1', 'conntrack -F'),
    sysctl('tcp_timeout_established=432000', 'tcp_timeout_close_wait=60'),

    // One life, segment by segment. The kernel's own timeouts.
    follow('node1', '-p tcp --orig-port-src 40001'),
    ...fromClient(40_001, 'SYN', C, 0),
    inState(40_001, 'SYN_SENT', 120),
    ...fromServer(40_001, 'SYN,ACK', S, C + 1),
    inState(40_001, 'SYN_RECV', 60),
    ...fromClient(40_001, 'ACK', C + 1, S + 1),
    inState(40_001, 'ESTABLISHED', 432_000),

    // kube-proxy's. What is there keeps its time until its next packet; data that nobody has acknowledged has less.
    sysctl('tcp_timeout_established=86400', 'tcp_timeout_close_wait=3600'),
    inState(40_001, 'ESTABLISHED', 432_000),
    ...fromClient(40_001, 'PSH,ACK', C + 1, S + 1, 'hello'),
    inState(40_001, 'ESTABLISHED', 300),
    ...fromServer(40_001, 'ACK', S + 1, C + 6),
    inState(40_001, 'ESTABLISHED', 86_400),

    // The client closes, the server says that it has heard, and closes later.
    ...fromClient(40_001, 'FIN,ACK', C + 6, S + 1),
    inState(40_001, 'FIN_WAIT', 120),
    ...fromServer(40_001, 'ACK', S + 1, C + 7),
    inState(40_001, 'CLOSE_WAIT', 3600),
    ...fromServer(40_001, 'FIN,ACK', S + 1, C + 7),
    inState(40_001, 'LAST_ACK', 30),
    ...fromClient(40_001, 'ACK', C + 7, S + 2),
    inState(40_001, 'TIME_WAIT', 120),
    expectEvents('node1', [
      /\[NEW\] tcp +6 120 SYN_SENT .*\[UNREPLIED\]/,
      /\[UPDATE\] tcp +6 60 SYN_RECV /,
      /\[UPDATE\] tcp +6 432000 ESTABLISHED .*\[ASSURED\]/,
      /\[UPDATE\] tcp +6 120 FIN_WAIT /,
      /\[UPDATE\] tcp +6 3600 CLOSE_WAIT /,
      /\[UPDATE\] tcp +6 30 LAST_ACK /,
      /\[UPDATE\] tcp +6 120 TIME_WAIT /,
    ]),

    // Nine segments: nat was asked about one, filter about each.
    expectRule('node1', /-A KUBE-SERVICES -d 10\.96\.0\.10\/32 .*-j KUBE-SVC-/, 1),
    expectRule('node1', /-A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.2\.2:8080/, 1),
    expectRule('node1', /-A FORWARD .*-j KUBE-FORWARD/, 9),
    expectRule('node1', /-A KUBE-FORWARD .*RELATED,ESTABLISHED -j ACCEPT/, 8),

    // FIN and ACK in one segment: no CLOSE_WAIT.
    follow('node1', '-p tcp --orig-port-src 40002'),
    ...handshake(40_002),
    ...fromClient(40_002, 'FIN,ACK', C + 1, S + 1),
    ...fromServer(40_002, 'FIN,ACK', S + 1, C + 2),
    inState(40_002, 'LAST_ACK', 30),
    ...fromClient(40_002, 'ACK', C + 2, S + 2),
    expectEvents('node1', [/SYN_SENT/, /SYN_RECV/, /ESTABLISHED/, /FIN_WAIT/, /LAST_ACK/, /TIME_WAIT/]),

    // A reset.
    follow('node1', '-p tcp --orig-port-src 40003'),
    ...handshake(40_003),
    ...fromServer(40_003, 'RST,ACK', S + 1, C + 1),
    inState(40_003, 'CLOSE', 10),
    expectEvents('node1', [/SYN_SENT/, /SYN_RECV/, /ESTABLISHED/, /CLOSE /]),

    // A connection that says nothing for 24 hours. The kernel's clock cannot jump: there, 24 hours are 3 seconds.
    ...handshake(40_004),
    onPlane('node1', 'kernel', sysctl('tcp_timeout_established=3')),
    ...fromClient(40_004, 'ACK', C + 1, S + 1),
    onPlane('node1', 'userspace', inState(40_004, 'ESTABLISHED', 86_400), advance('node1', 86_390), inState(40_004, 'ESTABLISHED', 10)),
    onPlane('node1', 'userspace', advance('node1', 11)),
    onPlane('node1', 'kernel', inState(40_004, 'ESTABLISHED', 3), prepare('node1', 'sleep 3'), sysctl('tcp_timeout_established=86400')),
    expectNoConntrack('node1', /sport=40004/),
    // Neither end knows. What the client says next is a first packet: nat is asked again.
    ...fromClient(40_004, 'PSH,ACK', C + 1, S + 1, 'hello?'),
    expectConntrack('node1', new RegExp(`tcp +6 ${upTo(300)} ESTABLISHED .*sport=40004 dport=80 \\[UNREPLIED\\]`)),
    expectRule('node1', /-A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.2\.2:8080/, 5),

    // UDP: 30 seconds, until there has been an answer and more than two seconds have gone by.
    ...datagram('pod-a', '10.244.2.2:53', 'who?', 40_005, 'pod-b'),
    expectConntrack(
      'node1',
      new RegExp(`udp +17 ${upTo(30)} src=10\\.244\\.1\\.2 dst=10\\.244\\.2\\.2 sport=40005 dport=53 \\[UNREPLIED\\]`),
    ),
    ...datagram('pod-b', '10.244.1.2:40005', 'me', 53, 'pod-a'),
    expectConntrack('node1', new RegExp(`udp +17 ${upTo(30)} .* sport=40005 dport=53 src=10\\.244\\.2\\.2 .* dport=40005 mark=`)),
    onPlane('node1', 'userspace', advance('node1', 2.1)),
    onPlane('node1', 'kernel', prepare('node1', 'sleep 2.1')),
    ...datagram('pod-a', '10.244.2.2:53', 'and now?', 40_005, 'pod-b'),
    expectConntrack('node1', new RegExp(`udp +17 ${upTo(120)} .* sport=40005 dport=53 .* dport=40005 \\[ASSURED\\]`)),
    onPlane('node1', 'userspace', advance('node1', 121), expectNoConntrack('node1', /sport=40005/)),

    // Real sockets: the rule is taken away while a connection lives.
    start(
      'pod-a',
      `bash -c '${open}; ${get('')} >&3; until [ -e /run/go-on ]; do sleep 0.05; done; ${get('Connection: close\\r\\n')} >&3; cat <&3'`,
    ),
    expectConntrack('node1', /ESTABLISHED src=10\.244\.1\.2 dst=10\.96\.0\.10 .*\[ASSURED\]/),
    prepare('node1', `iptables -t nat -D ${rule}`),
    prepare('pod-a', 'touch /run/go-on'),
    finish({ output: /"pod":"pod-b".*"pod":"pod-b"/s }),
    converse('pod-a', 'curl -s --max-time 5 http://10.96.0.10/', { exit: 7 }),
    expectHop('node1/eth0', { dst: service, flags: 'SYN', direction: 'out' }),
    prepare('node1', `iptables -t nat -I ${rule}`),

    // A server that is busy with something else: its kernel acknowledges the FIN, and CLOSE_WAIT lasts as long as it likes.
    prepare('pod-b', `pkill -STOP -f 'echo-server.ts pod-[b]'`),
    follow('node1', '-e NEW,UPDATES -p tcp --orig-src 10.244.1.2'),
    start('pod-a', `bash -c '${open}'`),
    expectConntrack('node1', new RegExp(`tcp +6 ${upTo(3600)} CLOSE_WAIT src=10\\.244\\.1\\.2 dst=10\\.96\\.0\\.10 `)),
    prepare('pod-b', `pkill -CONT -f 'echo-server.ts pod-[b]'`),
    finish(),
    expectEvents('node1', [/SYN_SENT/, /SYN_RECV/, /ESTABLISHED/, /FIN_WAIT/, /CLOSE_WAIT/, /LAST_ACK/, /TIME_WAIT/]),
  ],
});

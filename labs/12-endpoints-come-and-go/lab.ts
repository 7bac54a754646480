import {
  apply,
  converse,
  expectConntrack,
  expectHop,
  expectNoConntrack,
  expectOutput,
  expectRule,
  finish,
  lab,
  prepare,
  probe,
  remove,
  start,
  tcpSyn,
  udpDatagram,
} from '../../src/lab/definition.ts';

const address = { 'pod-b': '10.244.2.2', 'pod-c': '10.244.2.3' } as const;
type Server = keyof typeof address;

const ask = (pod: Server, state: 'healthy' | 'unhealthy') => `curl -s --max-time 5 http://${address[pod]}:8080/${state}`;
/** Its readiness probe fails, or holds, from now on. */
const turn = (pod: Server, state: 'healthy' | 'unhealthy') => converse('pod-a', ask(pod, state), { output: /^ok$/m });
/** The same in the middle of another conversation, or before the first. */
const turnMeanwhile = (pod: Server, state: 'healthy' | 'unhealthy') => prepare('pod-a', ask(pod, state));

const LIMIT = 'timeout 30 sh -c';
/** Node 1 sends new connections of `web` to these addresses and no others; a pattern of grep. */
const served = (pattern: string) =>
  prepare(
    'node1',
    `${LIMIT} 'until iptables-save -t nat | grep -o "default/web:udp -> [0-9.]*" | sort | cut -d" " -f3 | xargs | grep -qx "${pattern}"; do sleep 0.1; done'`,
  );

/** Asks until twenty answers in a row are of this version, and counts all that came. */
const askUntil = (version: string) =>
  `n=0; while [ $n -lt 20 ]; do a=$(curl -s --max-time 2 http://10.96.1.60/) || a=failed; [ "$a" = ${version} ] && n=$((n+1)) || n=0; echo "$a"; done | sort | uniq -c`;

/** A connection that says `one`, waits for a sign, and says `two`. */
const patient = `bash -c 'rm -f /run/sign; exec 3<>/dev/tcp/10.96.1.50/80; echo one >&3; read -r who <&3; read -r first <&3; until [ -e /run/sign ]; do sleep 0.1; done; echo two >&3; read -r second <&3; echo "$who $first $second"'`;

/** pod-a has no socket for what the lab sends in its name: its kernel says so to each answer, and with that the probe is over. */
const overAt = (pod: Server) =>
  expectHop(`${pod}/eth0`, { protocol: 'icmp', src: '10.244.1.2', dst: address[pod], kind: '3/3', direction: 'in' });

const datagram = (text: string, srcPort = 40_001) => probe('pod-a', udpDatagram('10.96.1.50:80', text, srcPort));

export default lab({
  title: 'Endpoints come and go: readiness, terminating, stale UDP',
  minutes: 25,
  needs: ['vxlan', 'kubectl', 'bash'],
  nodes: ['node1', 'node2'],
  api: true,
  namesOn: 'node1',
  manifests: ['web.yaml', 'shop-v1.yaml'],
  outside: { client: '203.0.113.9/24' },
  steps: [
    apply('shop-v1.yaml'),
    prepare('pod-a', `${LIMIT} '${askUntil('v1')}'`),
    turnMeanwhile('pod-b', 'healthy'),
    turnMeanwhile('pod-c', 'unhealthy'),
    served('10.244.2.2'),

    // One endpoint. A datagram and a connection go to it.
    datagram('one'),
    expectHop('pod-b/eth0', { src: '10.244.1.2:40001', dst: '10.244.2.2:8080', direction: 'in' }),
    expectHop('pod-a/eth0', { src: '10.96.1.50:80', dst: '10.244.1.2:40001', direction: 'in' }),
    overAt('pod-b'),
    expectConntrack('node1', /udp .*src=10\.244\.1\.2 dst=10\.96\.1\.50 sport=40001 dport=80 .*src=10\.244\.2\.2 /),

    start('pod-a', patient),
    expectHop('pod-a/eth0', { src: '10.96.1.50:80', flags: 'SYN,ACK', direction: 'in' }),
    // Another becomes ready, then that one is not: kube-proxy forgets the datagram's flow, and leaves the connection.
    turnMeanwhile('pod-c', 'healthy'),
    served('10.244.2.2 10.244.2.3'),
    turnMeanwhile('pod-b', 'unhealthy'),
    served('10.244.2.3'),
    expectNoConntrack('node1', /udp .*dst=10\.96\.1\.50 sport=40001 /),
    expectConntrack('node1', /ESTABLISHED src=10\.244\.1\.2 dst=10\.96\.1\.50 sport=\d+ dport=80 src=10\.244\.2\.2 /),
    prepare('pod-a', 'touch /run/sign'),
    finish({ output: /^pod-b node2 10\.244\.1\.2:\d+ one two$/m }),

    // The same datagram again finds the other.
    datagram('two'),
    expectHop('pod-c/eth0', { src: '10.244.1.2:40001', dst: '10.244.2.3:8080', direction: 'in' }),
    overAt('pod-c'),
    expectConntrack('node1', /udp .*dst=10\.96\.1\.50 sport=40001 dport=80 .*src=10\.244\.2\.3 /),

    // Nobody is ready. Who comes new is told so; who was here goes on: no entry is deleted when there is nobody else.
    turn('pod-c', 'unhealthy'),
    served(''),
    datagram('three', 40_002),
    expectHop('pod-a/eth0', { protocol: 'icmp', src: '10.244.1.1', dst: '10.244.1.2', kind: '3/3', direction: 'in' }),
    probe('pod-a', tcpSyn('10.96.1.50:80', { srcPort: 40_003 })),
    expectHop('pod-a/eth0', { protocol: 'icmp', src: '10.244.1.1', dst: '10.244.1.2', kind: '3/3', direction: 'in' }),
    expectRule('node1', /-A KUBE-SERVICES -d 10\.96\.1\.50\/32 -p tcp .*has no endpoints.*-j REJECT/, 1),
    datagram('four'),
    expectHop('pod-c/eth0', { src: '10.244.1.2:40001', dst: '10.244.2.3:8080', direction: 'in' }),
    expectHop('pod-a/eth0', { src: '10.96.1.50:80', dst: '10.244.1.2:40001', direction: 'in' }),
    overAt('pod-c'),
    expectConntrack('node1', /udp .*dst=10\.96\.1\.50 sport=40001 dport=80 .*src=10\.244\.2\.3 /),

    // One that is about to end is better than none, and worse than any that is ready.
    apply('pod-d.yaml'),
    remove('Pod', 'pod-d'),
    converse('pod-a', 'curl -s --max-time 5 http://10.96.1.50/', { output: /"pod":"pod-d"/, compared: false }),
    turn('pod-b', 'healthy'),
    served('10.244.2.2'),
    converse('pod-a', 'curl -s --max-time 5 http://10.96.1.50/', { output: /"pod":"pod-b"/ }),

    // All pods of a Deployment are replaced while somebody asks without a pause.
    start('pod-a', `${LIMIT} '${askUntil('v2')}'`, { compared: false }),
    apply('shop-v2.yaml'),
    finish({ output: /^(?!.*failed).*\bv1\b.*\bv2\b/s }),
    expectOutput('node1', "iptables-save -t nat | grep -c 'default/shop -> '", /^3$/m),
  ],
});

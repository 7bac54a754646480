import {
  apply,
  converse,
  expectConntrack,
  expectHop,
  expectNothing,
  expectOutput,
  finish,
  lab,
  prepare,
  probe,
  start,
  tcpSyn,
} from '../../src/lab/definition.ts';

const podB = '0a:58:0a:f4:02:02';

/** Programs in the pod's network namespace, each behind its PID namespace. */
const members =
  'me=$(readlink /proc/self/ns/net); for p in /proc/[0-9]*; do [ "$(readlink $p/ns/net)" = "$me" ] && echo "$(readlink $p/ns/pid) $(cat $p/comm)"; done';

/** A connection to the sidecar that says `one`, waits for a sign, and says `two`. */
const patient = `bash -c 'rm -f /run/sign; exec 3<>/dev/tcp/10.96.1.50/81; echo one >&3; read -r who <&3; read -r first <&3; until [ -e /run/sign ]; do sleep 0.1; done; echo two >&3; read -r second <&3; echo "$who $first $second"'`;

export default lab({
  title: 'Two containers, one namespace: pause, sidecar, localhost',
  minutes: 20,
  needs: ['vxlan', 'kubectl', 'bash'],
  nodes: ['node1', 'node2'],
  api: true,
  namesOn: 'node1',
  manifests: ['pods.yaml'],
  outside: { client: '203.0.113.9/24' },
  steps: [
    // One Service, two ports, two containers: on the wire they are one.
    probe('pod-a', tcpSyn('10.96.1.50:80')),
    expectHop('pod-b/eth0', { dst: '10.244.2.2:8080', flags: 'SYN', dstMac: podB, direction: 'in' }),
    expectHop('pod-b/eth0', { src: '10.244.2.2:8080', flags: 'SYN,ACK', srcMac: podB, direction: 'out' }),
    expectHop('pod-b/eth0', { src: '10.244.1.2:40001', dst: '10.244.2.2:8080', flags: 'RST', direction: 'in' }),
    probe('pod-a', tcpSyn('10.96.1.50:81', { srcPort: 40_002 })),
    expectHop('pod-b/eth0', { dst: '10.244.2.2:9090', flags: 'SYN', dstMac: podB, direction: 'in' }),
    expectHop('pod-b/eth0', { src: '10.244.2.2:9090', flags: 'SYN,ACK', srcMac: podB, direction: 'out' }),
    expectHop('pod-b/eth0', { src: '10.244.1.2:40002', dst: '10.244.2.2:9090', flags: 'RST', direction: 'in' }),

    // The third listens on 127.0.0.1: to others the port is closed, and its neighbours find it.
    probe('pod-a', tcpSyn('10.244.2.2:7070', { srcPort: 40_003 })),
    expectHop('pod-a/eth0', { src: '10.244.2.2:7070', dst: '10.244.1.2:40003', flags: 'RST,ACK', direction: 'in' }),
    converse('pod-b', 'curl -s --max-time 5 http://127.0.0.1:7070/clientip', { output: /^127\.0\.0\.1:\d+$/m, compared: false }),
    converse('pod-b', 'curl -s --max-time 5 http://10.244.2.2:8080/clientip', { output: /^10\.244\.2\.2:\d+$/m, compared: false }),
    expectNothing('pod-b/eth0', { src: '127.0.0.1:*' }),
    expectNothing('pod-b/eth0', { src: '10.244.2.2:*', dst: '10.244.2.2:8080' }),
    expectNothing('node2/cni0', { src: '10.244.2.2:*', dst: '10.244.2.2:8080' }),

    // Who is in there: one pause for all of them, the ports of all, one address.
    expectOutput('pod-b', `${members} | grep -c ' sleep$'`, /^1$/m),
    expectOutput('pod-b', 'ss -Hltn', /^(?=.* 127\.0\.0\.1:7070 )(?=.* (\*|0\.0\.0\.0):8080 ).* (\*|0\.0\.0\.0):9090 /s),
    expectOutput('pod-b', 'ip -o -4 address show dev eth0', /inet 10\.244\.2\.2\/24/),

    // A container ends and begins again; the namespace, its address and the other's connection do not notice.
    start('pod-a', patient),
    expectHop('pod-a/eth0', { src: '10.96.1.50:81', flags: 'SYN,ACK', direction: 'in' }),
    prepare('pod-b', 'curl -s --max-time 5 http://127.0.0.1:8080/exit?code=3'),
    prepare('pod-b', "timeout 50 sh -c 'until curl -sf -o /dev/null http://127.0.0.1:8080/healthz; do sleep 0.1; done'"),
    expectConntrack('node1', /ESTABLISHED src=10\.244\.1\.2 dst=10\.96\.1\.50 sport=\d+ dport=81 src=10\.244\.2\.2 /),
    // Not ready for a moment, the pod was no endpoint, not even for the sidecar's port.
    prepare('node1', `timeout 30 sh -c 'until iptables-save -t nat | grep -q "default/pair:web -> "; do sleep 0.1; done'`),
    prepare('pod-a', 'touch /run/sign'),
    finish({ output: /^pod-b node2 10\.244\.1\.2:\d+ one two$/m }),
    converse('pod-a', 'curl -s --max-time 5 http://10.96.1.50/', { output: /"pod":"pod-b".*"address":"10\.244\.2\.2","localPort":8080/ }),

    // Two containers want one port: one of them never starts, so the pod is never ready, and its Service has nobody.
    apply('twins.yaml'),
    converse('pod-a', 'curl -s --max-time 5 http://10.96.1.70/', { exit: 7 }),
    expectHop('pod-a/eth0', { protocol: 'icmp', src: '10.244.1.1', kind: '3/3', direction: 'in' }),
  ],
});

import {
  converse,
  expectConntrack,
  expectHop,
  expectNoConntrack,
  expectOutput,
  expectRule,
  lab,
  probe,
  tcpSyn,
} from '../../src/lab/definition.ts';

const podA = '0a:58:0a:f4:01:02';
const gateway1 = '0a:58:0a:f4:01:01';
const podB = '0a:58:0a:f4:02:02';
const gateway2 = '0a:58:0a:f4:02:01';

export default lab({
  title: 'The full walk: pod to Service to pod on another node, every hop, both ways',
  minutes: 20,
  needs: ['vxlan', 'kubectl'],
  nodes: ['node1', 'node2'],
  api: true,
  namesOn: 'node2',
  manifests: ['web.yaml'],
  outside: { client: '203.0.113.9/24' },
  steps: [
    probe('pod-a', tcpSyn('10.96.1.50:80')),

    // In pod-a nothing is rewritten: there is no rule in its namespace.
    expectHop('pod-a/eth0', { src: '10.244.1.2:40001', dst: '10.96.1.50:80', srcMac: podA, dstMac: gateway1, ttl: 64, direction: 'out' }),
    expectOutput('pod-a', "iptables-save | grep -c '^-A' || true", /^0$/m),
    // On node1: DNAT in PREROUTING, no masquerade, one hop less to live.
    expectHop('node1/flannel.1', { src: '10.244.1.2:40001', dst: '10.244.2.2:8080', flags: 'SYN', ttl: 63 }),
    expectHop('lan0', {
      src: '10.244.1.2:40001',
      dst: '10.244.2.2:8080',
      flags: 'SYN',
      outer: { src: '192.168.56.11', dst: '192.168.56.12', ttl: 64, vni: 1 },
    }),
    // node2 has the same rules and none of them matches; pod-b sees pod-a itself.
    expectHop('node2/flannel.1', { src: '10.244.1.2:40001', dst: '10.244.2.2:8080', flags: 'SYN', ttl: 63 }),
    expectHop('pod-b/eth0', {
      src: '10.244.1.2:40001',
      dst: '10.244.2.2:8080',
      flags: 'SYN',
      srcMac: gateway2,
      dstMac: podB,
      ttl: 62,
      direction: 'in',
    }),

    // Back: the source becomes the Service again at the node that remembers it, and not before.
    expectHop('pod-b/eth0', { src: '10.244.2.2:8080', dst: '10.244.1.2:40001', flags: 'SYN,ACK', ttl: 64, direction: 'out' }),
    expectHop('node1/flannel.1', { src: '10.244.2.2:8080', dst: '10.244.1.2:40001', flags: 'SYN,ACK', ttl: 63 }),
    expectHop('pod-a/eth0', { src: '10.96.1.50:80', dst: '10.244.1.2:40001', flags: 'SYN,ACK', ttl: 62, direction: 'in' }),

    expectConntrack(
      'node1',
      /src=10\.244\.1\.2 dst=10\.96\.1\.50 sport=40001 dport=80 .*src=10\.244\.2\.2 dst=10\.244\.1\.2 sport=8080 dport=40001/,
    ),
    expectConntrack(
      'node2',
      /src=10\.244\.1\.2 dst=10\.244\.2\.2 sport=40001 dport=8080 .*src=10\.244\.2\.2 dst=10\.244\.1\.2 sport=8080 dport=40001/,
    ),
    expectNoConntrack('node2', /dst=10\.96\.1\.50/),
    expectRule('node1', /-A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.2\.2:8080/, 1),
    expectRule('node2', /-A KUBE-SEP-\w+ .*-j DNAT --to-destination 10\.244\.2\.2:8080/, 0),
    expectRule('node1', /-A KUBE-POSTROUTING .*-j MASQUERADE/, 0),

    // The same by name: the look-up is a Service too.
    converse('pod-a', 'curl -s --max-time 10 http://web/', { output: /"pod":"pod-b","node":"node2","client":"10\.244\.1\.2"/ }),
    expectHop('pod-a/eth0', { src: '10.244.1.2:*', dst: '10.96.0.10:53', direction: 'out' }),
    expectHop('node2/cni0', { src: '10.244.1.2:*', dst: '10.244.2.3:53' }),
    expectOutput(
      'pod-a',
      'cat /etc/resolv.conf',
      /search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local\nnameserver 10\.96\.0\.10/,
    ),
  ],
});

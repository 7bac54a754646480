import {
  converse,
  expectConntrack,
  expectHop,
  expectNoConntrack,
  expectOutput,
  expectRule,
  lab,
  probe,
  udpDatagram,
} from '../../src/lab/definition.ts';

const podA = '0a:58:0a:f4:01:02';
const gateway1 = '0a:58:0a:f4:01:01';

/** RFC 1035 section 4.1: id 17, recursion desired, one question: the A record of `name`. */
const question = (name: string): string => {
  const labels = name.split('.').map(label => String.fromCharCode(label.length) + label);
  return `\0\x11\x01\0\0\x01\0\0\0\0\0\0${labels.join('')}\0\0\x01\0\x01`;
};

/** New flows that node1 has sent to the name server: each question of a resolver has a socket of its own. */
const questions = (count: number) => expectRule('node1', /-A KUBE-SEP-\w+ -p udp .*-j DNAT --to-destination 10\.244\.2\.3:53/, count);

export default lab({
  title: 'Names first: the question before the connection',
  minutes: 20,
  needs: ['vxlan', 'kubectl', 'dig'],
  nodes: ['node1', 'node2'],
  api: true,
  namesOn: 'node2',
  manifests: ['names.yaml'],
  outside: { client: '203.0.113.9/24' },
  steps: [
    // A question by hand: a datagram to a Service as any other.
    probe('pod-a', udpDatagram('10.96.0.10:53', question('web.default.svc.cluster.local'))),
    expectHop('pod-a/eth0', {
      protocol: 'udp',
      src: '10.244.1.2:40001',
      dst: '10.96.0.10:53',
      srcMac: podA,
      dstMac: gateway1,
      payload: 47,
    }),
    expectHop('node1/flannel.1', { src: '10.244.1.2:40001', dst: '10.244.2.3:53', ttl: 63 }),
    expectHop('node2/cni0', { src: '10.244.1.2:40001', dst: '10.244.2.3:53', ttl: 62 }),
    expectHop('node1/flannel.1', { src: '10.244.2.3:53', dst: '10.244.1.2:40001' }),
    expectHop('pod-a/eth0', { src: '10.96.0.10:53', dst: '10.244.1.2:40001', direction: 'in', payload: 63 }),
    expectConntrack(
      'node1',
      /udp .*src=10\.244\.1\.2 dst=10\.96\.0\.10 sport=40001 dport=53 .*src=10\.244\.2\.3 dst=10\.244\.1\.2 sport=53 dport=40001/,
    ),
    expectNoConntrack('node2', /dst=10\.96\.0\.10/),
    questions(1),

    // The search list: the first name fits, the second needs another suffix, the third none of them.
    expectOutput('pod-a', 'cat /etc/resolv.conf', /^search default\.svc\.cluster\.local .*\nnameserver 10\.96\.0\.10\noptions ndots:5$/m),
    converse('pod-a', 'getent ahostsv4 web', { output: /^10\.96\.1\.50 +STREAM web\.default\.svc\.cluster\.local/ }),
    questions(2),
    converse('pod-a', 'getent ahostsv4 web.other', { output: /^10\.96\.1\.51 +STREAM web\.other\.svc\.cluster\.local/ }),
    questions(4),
    converse('pod-a', 'getent ahostsv4 www.example.com', { exit: 2 }),
    questions(9),
    converse('pod-a', 'getent ahostsv4 www.example.com.', { exit: 2 }),
    questions(11),

    // A name of a Service, the way back, and its port: by UDP, and by TCP through another rule of the same Service.
    converse('pod-a', 'dig +nocookie +noall +answer web.default.svc.cluster.local', {
      output: /^web\.default\.svc\.cluster\.local\.\s+5\s+IN\s+A\s+10\.96\.1\.50$/m,
    }),
    converse('pod-a', 'dig +nocookie +short -x 10.96.1.50', { output: /^web\.default\.svc\.cluster\.local\.$/m }),
    converse('pod-a', 'dig +nocookie +short SRV _http._tcp.web.default.svc.cluster.local', {
      output: /^0 100 80 web\.default\.svc\.cluster\.local\.$/m,
    }),
    converse('pod-a', 'dig +tcp +short web.default.svc.cluster.local', { output: /^10\.96\.1\.50$/m, compared: false }),
    expectHop('pod-a/eth0', { src: '10.244.1.2:*', dst: '10.96.0.10:53', flags: 'SYN' }),
    expectHop('node1/flannel.1', { src: '10.244.1.2:*', dst: '10.244.2.3:53', flags: 'SYN' }),

    // Headless: the addresses of the pods themselves, in an order that chance gives, and no rule.
    converse('pod-a', 'dig +short db.default.svc.cluster.local | sort', { output: /^10\.244\.1\.3\n10\.244\.2\.4\n$/, compared: false }),
    converse('pod-a', 'dig +short SRV _sql._tcp.db.default.svc.cluster.local | sort', {
      output: /^0 50 5432 db-0\.db\.default\.svc\.cluster\.local\.\n0 50 5432 db-1\.db\.default\.svc\.cluster\.local\.\n$/,
      compared: false,
    }),
    converse('pod-a', 'curl -s --max-time 10 http://db-1.db:5432/', { output: /"pod":"db-1","node":"node2","client":"10\.244\.1\.2"/ }),
    expectHop('pod-a/eth0', { src: '10.244.1.2:*', dst: '10.244.2.4:5432', flags: 'SYN', direction: 'out' }),
    expectHop('db-1/eth0', { src: '10.244.1.2:*', dst: '10.244.2.4:5432', flags: 'SYN', direction: 'in' }),
    expectOutput('node1', "iptables-save | grep -c 'default/db' || true", /^0$/m),

    // ExternalName: another name, and nothing else. The connection is that of `web`, and its server is asked for `shop`.
    converse('pod-a', 'dig +nocookie +short shop.default.svc.cluster.local', {
      output: /^web\.default\.svc\.cluster\.local\.\n10\.96\.1\.50$/m,
    }),
    converse('pod-a', 'curl -s --max-time 10 http://shop/headers', { output: /"host":"shop"/ }),
    expectHop('pod-a/eth0', { src: '10.244.1.2:*', dst: '10.96.1.50:80', flags: 'SYN', direction: 'out' }),
    expectOutput('node1', "iptables-save | grep -c 'default/shop' || true", /^0$/m),
  ],
});

import { claim, converse, expectOutput, type LabStep, lab, prepare, serve } from '../../src/lab/definition.ts';
import { claims } from './claims.ts';
import { troubles } from './troubles.ts';

/** @param seconds at most, since what is broken often says nothing */
const curl = (url: string, seconds = 2) => `curl -sS --max-time ${seconds} http://${url}/`;
const served = (pod: string, node: string, client: string): RegExp =>
  new RegExp(`"pod":"${pod}[^"]*","node":"${node}","client":"${client}"`);
/** What the two data planes do is compared in the other exercises: here it is judged, but for the last. */
const asks = (from: string, url: string, answer: RegExp): LabStep => expectOutput(from, curl(url), answer);

const onNode1 = '(10\\.244\\.1\\.0|192\\.168\\.56\\.11)';
const onNode2 = '10\\.244\\.2\\.1';

/** Each of them has to be answered, and its first SYN: a second one comes after a second. One line for each that was. */
const again = (times: number, url: string) => `for i in $(seq ${times}); do ${curl(url, 5)} --connect-timeout 0.9 || break; done`;
const linesOf = (times: number, each: RegExp): RegExp => new RegExp(`^(?:.*${each.source}.*\\n){${times}}$`);

/** What one end sends comes back from the other: as many bytes in both directions. */
const thereAndBack = (address: string, port: number, bytes: number) =>
  `timeout 4 bash -c 'exec 3<>/dev/tcp/${address}/${port}; (head -c ${bytes} /dev/zero | tr "\\0" x >&3 &); head -c ${bytes} <&3 | wc -c'`;
/** Prints those that answer where nobody should. */
const whoAnswers = (urls: readonly string[]) =>
  `for url in ${urls.join(' ')}; do curl -s -o /dev/null --max-time 1 http://$url/ && echo $url answers; done; echo asked`;

export default lab({
  title: 'Break and fix: find the fault',
  minutes: 120,
  needs: ['vxlan', 'br_netfilter', 'kubectl', 'bash'],
  nodes: ['node1', 'node2'],
  api: true,
  namesOn: 'node1',
  hairpin: true,
  givesLoadBalancerIps: true,
  outside: { client: '203.0.113.9/24', office: '203.0.113.70/24' },
  manifests: ['cluster.yaml', 'shop.yaml', 'admin.yaml'],
  troubles,
  steps: [
    // Whoever gave the Service its address outside has told the router in front of the nodes.
    prepare('upstream', 'ip route replace 192.168.56.200/32 via 192.168.56.12'),

    claim(claims.near, asks('pod-a', '10.96.1.10', served('near', 'node1', '10\\.244\\.1\\.[2-9]'))),
    claim(claims.farPod, asks('node1', '10.244.2.2:8080', served('far', 'node2', onNode1))),
    claim(claims.farOnNode, asks('node2', '10.244.2.2:8080', served('far', 'node2', onNode2))),
    claim(claims.self, asks('far', '10.96.1.20', served('far', 'node2', onNode2))),
    claim(claims.large, expectOutput('pod-a', thereAndBack('10.96.1.20', 80, 200_000), /^200000$/m)),
    claim(claims.names, expectOutput('pod-a', 'timeout 4 getent ahostsv4 far', /^10\.96\.1\.20 /m)),
    claim(claims.shop, asks('pod-a', '10.96.1.30', served('shop', 'node2', '10\\.244\\.1\\.[2-9]'))),
    claim(claims.nobody, expectOutput('pod-a', `${curl('10.96.1.50')}; echo exit $?`, /^exit 7$/m)),

    claim(
      claims.nodePort1,
      converse('client', again(12, '192.168.56.11:30080'), { output: linesOf(12, served('far', 'node2', onNode1)), compared: false }),
    ),
    claim(claims.nodePort2, asks('client', '192.168.56.12:30080', served('far', 'node2', onNode2))),
    claim(
      claims.nodePortSelf,
      asks('node2', '192.168.56.12:30080', served('far', 'node2', onNode2)),
      asks('node2', '127.0.0.1:30080', served('far', 'node2', onNode2)),
    ),
    claim(claims.office, asks('office', '192.168.56.200', served('far', 'node2', onNode2))),
    claim(
      claims.protected,
      expectOutput('client', whoAnswers(['192.168.56.200', '192.168.56.11:30081', '192.168.56.12:30081']), /^asked\s*$/),
    ),
    serve('client', 8080),
    // What comes last is compared too: nothing else is on the wires then.
    claim(claims.outside, converse('pod-a', curl('203.0.113.9:8080', 4), { output: /"client":"192\.168\.56\.11"/ })),
    claim(claims.far, converse('pod-a', curl('10.96.1.20', 4), { output: served('far', 'node2', '10\\.244\\.1\\.[2-9]') })),
  ],
});

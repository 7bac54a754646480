import { claim, prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { background, countsOn, until } from './words.ts';

const METER = '/run/kubehop/meter';
const KEPT = '/run/kubehop/kept';
/** One socket for all its questions; it counts the answers. */
const meter = `n=0; exec 3<>/dev/udp/10.96.1.20/53; while :; do echo reading >&3; read -r -t 1 -n 1 -u 3 && n=$((n+1)) && echo $n > ${METER}; sleep 0.5; done`;
const kept = `n=0; exec 3<>/dev/tcp/192.168.56.11/30080; while echo again >&3 && read -r -t 9 -u 3; do n=$((n+1)); echo $n > ${KEPT}; sleep 0.5; done`;
/** For as long as it takes one datagram: what was the pod of `far` before, and is no more. */
const gone = '-p udp -d 10.96.1.20 --dport 53 -j DNAT --to-destination 10.244.2.99:8080';
const answered = 'the meter on pod-a gets answers';

export const staleUdp: Trouble = {
  name: '11-stale-udp',
  symptom: 'The meter on pod-a, which sends to `far` by UDP, gets no answers any more.',
  story:
    'Whoever opens a socket now is answered. The pod of `far` was replaced an hour ago; the meter has one socket since it was started, and it is not to be started anew. Connections from outside are not to be lost.',
  inject: [
    background('pod-a', meter),
    background('client', kept),
    until('node1', `[ -s ${METER} ] && [ -s ${KEPT} ]`),
    prepare('node1', `iptables -t nat -I PREROUTING ${gone}`),
    until(
      'node1',
      'conntrack -L -p udp --orig-dst 10.96.1.20 2>/dev/null | grep -q "src=10.244.2.99 " || { conntrack -D -p udp --orig-dst 10.96.1.20 >/dev/null 2>&1; sleep 1; false; }',
    ),
    prepare('node1', `iptables -t nat -D PREROUTING ${gone}`),
  ],
  breaks: [answered],
  keeps: [
    claim(answered, countsOn('pod-a', METER)),
    claim('a connection from outside that stood before goes on', countsOn('client', KEPT)),
  ],
  hints: [
    'Where do the datagrams go? `kubehop exec pod-a -- tcpdump -ni eth0 udp port 53`, and on node1 `tcpdump -ni flannel.1 udp`. Is that the address of the pod of `far`?',
    'No rule leads there: `iptables-save -t nat | grep 10.96.1.20`. Rules of nat are asked for the first packet of a flow. Who remembers what they said then? `kubehop exec node1 -- conntrack -L -p udp`.',
    'The entry leads to a pod that is gone, and every datagram keeps it alive. Delete it, and no other: `conntrack -D -p udp --orig-dst 10.96.1.20`. `conntrack -F` would take the connections of everybody else along.',
  ],
  happened: [
    'The first datagram of a socket asks the rules, and conntrack remembers the answer: 10.244.2.99, a pod that is gone. Each further datagram finds the entry and',
    'keeps it alive for another 30 s, so it never expires while the meter sends. kube-proxy deletes such entries when endpoints change; one that was made in the',
    'moment between, by a rule that was about to go, is left over. (So it was made here: by a rule that stood for one datagram.) The next datagram without an entry is',
    'a first one again. A TCP connection would have noticed: nobody acknowledges. After `conntrack -F` the connection from outside would have been picked up in',
    'the middle, masqueraded to another port, and reset by the pod.',
  ],
  source:
    'pkg/proxy/conntrack/cleanup.go; net/netfilter/nf_nat_core.c (nf_nat_inet_fn); kubernetes/kubernetes #113203, #125467; exercise 12',
};

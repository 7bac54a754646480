import { claim, expectOutput, prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';
import { background, until } from './words.ts';

const HELD = '/run/kubehop/held';
const hoard = `for i in $(seq 30); do exec {fd}<>/dev/tcp/10.96.1.10/80; echo hold >&$fd; done; echo 30 > ${HELD}; sleep infinity`;

const room = 'node1 has room for a thousand connections';

export const conntrackFull: Trouble = {
  name: '13-conntrack-full',
  symptom: 'On node1 every new connection hangs; those that stand go on.',
  story: 'pod-a has a new release of its program, which never closes a connection. Last week somebody wrote a few sysctls against attacks.',
  only: { plane: 'userspace', because: "the kernel's limit is the whole machine's, and read-only in a network namespace" },
  inject: [background('pod-a', hoard), until('node1', `[ -s ${HELD} ]`), prepare('node1', 'sysctl -w net.netfilter.nf_conntrack_max=24')],
  breaks: [
    ...[claims.near, claims.far, claims.farPod, claims.large, claims.names, claims.shop, claims.nobody],
    ...[claims.nodePort1, claims.outside, room],
  ],
  keeps: [claim(room, expectOutput('node1', 'sysctl -n net.netfilter.nf_conntrack_max', /^\d{4,}$/m))],
  hints: [
    'Nobody refuses, on no way and for no protocol. What do all these connections have in common, that node2 does not do for them? Where does pod-a send its SYN, and where is it last seen?',
    'It comes into cni0 of node1 and no rule counts it. `kubehop exec node1 -- conntrack -C` beside `sysctl net.netfilter.nf_conntrack_max`; on a real node `dmesg` says "nf_conntrack: table full, dropping packet".',
    'The table has no room for another entry. Raise net.netfilter.nf_conntrack_max; then look who has filled it: `conntrack -L -p tcp`.',
  ],
  happened: [
    'Every connection has an entry in the table, and what finds no room is dropped before a rule is asked. The kernel first looks for an entry that it may drop early,',
    'but takes none that is ASSURED: who has had an answer. So connections that stand go on, and every new one hangs, also those that no rule would touch.',
    'kube-proxy sets the limit to 32,768 per core and at least 131,072. A program that never closes fills that as well, only later: an established entry stays',
    'for a day under kube-proxy, and for five by the default of the kernel.',
  ],
  source: 'net/netfilter/nf_conntrack_core.c (__nf_conntrack_alloc, early_drop); pkg/proxy/apis/config/v1alpha1/defaults.go; exercise 06',
};

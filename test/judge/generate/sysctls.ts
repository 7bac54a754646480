/** Switches that cases turn, and back afterwards: those that both sides have and that change what happens to packets. */
import type { Step } from '../case.ts';
import { links } from '../topology.ts';
import type { Chooser } from './choose.ts';

const node: readonly (readonly [name: string, values: readonly number[]])[] = [
  ['net.ipv4.ip_default_ttl', [32, 255]],
  ['net.ipv4.icmp_echo_ignore_all', [1]],
  ['net.ipv4.icmp_echo_ignore_broadcasts', [0]],
  ['net.ipv4.icmp_errors_use_inbound_ifaddr', [1]],
  ['net.netfilter.nf_conntrack_tcp_be_liberal', [1]],
  ['net.netfilter.nf_conntrack_tcp_loose', [0]],
  ['net.netfilter.nf_conntrack_tcp_max_retrans', [1]],
  ['net.netfilter.nf_conntrack_tcp_ignore_invalid_rst', [1]],
  ['net.netfilter.nf_conntrack_checksum', [0]],
  ['net.netfilter.nf_conntrack_acct', [1]],
  ['net.netfilter.nf_conntrack_udp_timeout', [60]],
  ['net.netfilter.nf_conntrack_generic_timeout', [90]],
  ['net.netfilter.nf_conntrack_icmp_timeout', [70]],
  ['net.netfilter.nf_conntrack_tcp_timeout_established', [200]],
  ['net.netfilter.nf_conntrack_tcp_timeout_unacknowledged', [150]],
];
const perInterface: readonly (readonly [name: string, values: readonly number[]])[] = [
  ['rp_filter', [1, 2]],
  ['accept_local', [1]],
  ['route_localnet', [1]],
  ['drop_unicast_in_l2_multicast', [1]],
];

const seconds = [
  'udp_timeout',
  'udp_timeout_stream',
  'icmp_timeout',
  'generic_timeout',
  ...['syn_sent', 'syn_recv', 'established', 'fin_wait', 'close_wait', 'last_ack', 'time_wait', 'close'].map(
    state => `tcp_timeout_${state}`,
  ),
  'tcp_timeout_max_retrans',
  'tcp_timeout_unacknowledged',
];
/** What decides how long a connection is remembered. */
export const expirySwitches = seconds.map(name => `net.netfilter.nf_conntrack_${name}`);

/** All of them, as a run counts them. */
export const switches: readonly string[] = [
  ...node.flatMap(([name, values]) => values.map(v => `sysctl ${name.replace(/^net\.(ipv4|netfilter)\./, '')} ${v}`)),
  ...perInterface.flatMap(([name, values]) => values.flatMap(v => [`sysctl conf.all.${name} ${v}`, `sysctl conf.IF.${name} ${v}`])),
];

export function randomSysctls(c: Chooser): Step[] {
  return Array.from({ length: 1 + c.below(2) }, (): Step => {
    if (c.oneIn(2)) {
      const [name, values] = c.of(node);
      return { kind: 'sysctl', name, value: c.of(values) };
    }
    const [name, values] = c.of(perInterface);
    const place = c.of(['all', ...links.map(l => l.name)]);
    return { kind: 'sysctl', name: `net.ipv4.conf.${place}.${name}`, value: c.of(values) };
  });
}

/** The timeouts by state, in the order of one array, with the kernel's defaults and sysctl names (`nf_conntrack-sysctl.rst`). */

/** Index into the array of timeouts. 1..9 are the TCP states themselves (`tcp/states.ts`). */
export const Timeout = {
  TcpRetrans: 10,
  TcpUnack: 11,
  Udp: 12,
  UdpStream: 13,
  Icmp: 14,
  Generic: 15,
  Gre: 16,
  GreStream: 17,
  SctpClosed: 18,
  SctpEstablished: 19,
} as const;
export const TIMEOUTS = 20;

/** `net.netfilter.nf_conntrack_` + name, index, default in seconds. SYN_SENT2 has no sysctl. */
export const timeoutNames = [
  ['tcp_timeout_syn_sent', 1, 120],
  ['tcp_timeout_syn_recv', 2, 60],
  ['tcp_timeout_established', 3, 432_000],
  ['tcp_timeout_fin_wait', 4, 120],
  ['tcp_timeout_close_wait', 5, 60],
  ['tcp_timeout_last_ack', 6, 30],
  ['tcp_timeout_time_wait', 7, 120],
  ['tcp_timeout_close', 8, 10],
  ['tcp_timeout_max_retrans', Timeout.TcpRetrans, 300],
  ['tcp_timeout_unacknowledged', Timeout.TcpUnack, 300],
  ['udp_timeout', Timeout.Udp, 30],
  ['udp_timeout_stream', Timeout.UdpStream, 120],
  ['icmp_timeout', Timeout.Icmp, 30],
  ['generic_timeout', Timeout.Generic, 600],
  ['gre_timeout', Timeout.Gre, 30],
  ['gre_timeout_stream', Timeout.GreStream, 180],
  ['sctp_timeout_closed', Timeout.SctpClosed, 10],
  ['sctp_timeout_established', Timeout.SctpEstablished, 210],
] as const;

/** TCP_CONNTRACK_SYN_SENT2: two minutes, not to be set. */
const SYN_SENT2 = 9;
export const SYN_SENT2_S = 120;

/** 2^30 ms, 12.4 days. Differs from Linux: a longer timeout is cut to this, so that moments fit 32 bits with room for one timeout. */
export const MAX_TIMEOUT_MS = 0x4000_0000;

/** Milliseconds for a number of seconds. */
export const toMs = (seconds: number): number => Math.min(seconds * 1000, MAX_TIMEOUT_MS);

export function defaultTimeouts(): Int32Array {
  const ms = new Int32Array(TIMEOUTS);
  for (const [, index, seconds] of timeoutNames) ms[index] = toMs(seconds);
  ms[SYN_SENT2] = toMs(SYN_SENT2_S);
  return ms;
}

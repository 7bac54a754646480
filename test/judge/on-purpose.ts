/** Where the router does not do what Linux does, and is not meant to: what the judge therefore does not try. */
export interface OnPurpose {
  difference: string;
  reason: string;
  /** Kernel source that explains the other side. */
  kernel: string;
}

export const onPurpose: readonly OnPurpose[] = [
  {
    difference: 'an error "fragmentation needed" about a message of the router itself does not change the MTU of its routes',
    reason: 'a router makes small messages only; the kernel keeps what it learns for ten minutes, and TCPMSS --clamp-mss-to-pmtu sees it',
    kernel: 'icmp_err, net/ipv4/icmp.c; ipv4_update_pmtu, net/ipv4/route.c',
  },
  {
    difference: 'nothing is said to a broadcast address, and what is sent to one does not come back to the router itself',
    reason:
      'a packet from a broadcast address is a forgery, and no error is to answer it (RFC 1122 sections 3.2.1.3 and 3.2.2); the kernel looks at where it went only, answers to everybody, and hears itself in INPUT',
    kernel: '__icmp_send, net/ipv4/icmp.c; ip_mc_output, net/ipv4/ip_output.c',
  },
  {
    difference: 'source routes are not followed and not turned round in answers',
    reason: 'off by default everywhere (RFC 7126 section 4.3); with accept_source_route on, the destination decides',
    kernel: 'ip_options_rcv_srr and __ip_options_echo, net/ipv4/ip_options.c',
  },
  {
    difference: 'SCTP, DCCP and UDP-Lite are tracked by their tuple alone',
    reason: 'Service networking is TCP and UDP',
    kernel: 'net/netfilter/nf_conntrack_proto_sctp.c and its neighbours',
  },
  {
    difference: '--ctexpire of a packet whose entry is not confirmed is 0',
    reason: 'the kernel compares a timeout with the time since boot: 0 on any machine that is up for longer than the timeout',
    kernel: 'nf_ct_expires, include/net/netfilter/nf_conntrack.h',
  },
];

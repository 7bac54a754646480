/** conntrack(8), and the table that it reads: starts in a namespace with the first rule that needs it. */
import { sandboxCheck } from './check.ts';

export const connectionTracking = sandboxCheck(
  'conntrack',
  "a kernel node's table of connections, read and deleted from",
  true,
  `iptables-nft -A FORWARD -m conntrack --ctstate NEW -j ACCEPT
conntrack -L 2>/dev/null
conntrack -F 2>/dev/null
test -w /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_established`,
);

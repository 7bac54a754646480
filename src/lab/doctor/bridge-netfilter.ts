/** br_netfilter: bridged packets through iptables, which is how a reply between two pods of one node is un-DNATed. */
import { SETUP, sandboxCheck } from './check.ts';

export const bridgeNetfilter = sandboxCheck(
  'bridge-nf',
  'bridged packets of a kernel node through iptables (br_netfilter)',
  true,
  `test -e /proc/sys/net/bridge/bridge-nf-call-iptables || { echo "no net.bridge.bridge-nf-call-iptables in a new network namespace" >&2; exit 1; }
echo 0 > /proc/sys/net/bridge/bridge-nf-call-iptables
echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables`,
  `${SETUP} (it loads br_netfilter; an ordinary user cannot)`,
);

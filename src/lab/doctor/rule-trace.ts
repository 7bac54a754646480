/** The kernel's rule trace: hook hops of a kernel node. */
import { sandboxCheck } from './check.ts';

export const ruleTrace = sandboxCheck(
  'trace',
  'which rule of a kernel node acted on a packet (xtables-monitor --trace)',
  false,
  `command -v xtables-monitor >/dev/null || { echo "no xtables-monitor" >&2; exit 127; }
iptables-nft -t raw -A PREROUTING -j TRACE`,
);

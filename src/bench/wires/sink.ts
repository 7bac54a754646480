/** A receiver that costs the same for every plane: packets are counted as they arrive and dropped before the stack would answer them. */
import { inNetns, run } from '../shell.ts';
import type { Bed } from '../wires/bed.ts';

/** Without it a port that nobody listens on answers each packet with an ICMP error, which the data plane would carry back. */
export function sinkAt(bed: Pick<Bed, 'server'>): void {
  run(
    inNetns(bed.server, ['nft', '-f', '-']),
    `add table netdev sink
add chain netdev sink ingress { type filter hook ingress device "eth0" priority 0; }
add rule netdev sink ingress udp dport 8000-8999 drop
`,
  );
}

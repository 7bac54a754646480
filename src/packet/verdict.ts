/** What a stage says about a packet, and where it says it: netfilter's own numbers (`include/uapi/linux/netfilter.h`). */

/**
 * NF_DROP, NF_ACCEPT, NF_STOLEN. `Drop` leaves its reason in `packet.reason`. `Stolen`: somebody else has copied or answered the
 * packet (reassembly, the neighbour queue) and the path ends here without a drop.
 */
export const Verdict = { Drop: 0, Accept: 1, Stolen: 2 } as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** NF_INET_PRE_ROUTING and so on. */
export const Hook = { Prerouting: 0, Input: 1, Forward: 2, Output: 3, Postrouting: 4 } as const;
export type Hook = (typeof Hook)[keyof typeof Hook];

/** As iptables prints them. */
export const hookNames = ['PREROUTING', 'INPUT', 'FORWARD', 'OUTPUT', 'POSTROUTING'] as const;

/** The order in which netfilter's parts see a packet. It is written here and nowhere else. */
import { Hook } from '../packet/verdict.ts';

/** What a hook is made of; `Netfilter` knows what each of them does. */
export type StageName = 'raw' | 'conntrack' | 'mangle' | 'natDst' | 'filter' | 'natSrc' | 'confirm';

/**
 * Stages of each hook, by netfilter priority (NF_IP_PRI_*, `include/uapi/linux/netfilter_ipv4.h`). Reassembly (-400) comes before: the
 * router gives whole packets to PREROUTING and OUTPUT.
 */
export const hooks = {
  [Hook.Prerouting]: ['raw', 'conntrack', 'mangle', 'natDst'], // -300 -200 -150 -100
  [Hook.Input]: ['mangle', 'filter', 'natSrc', 'confirm'], // -150 0 100 last
  [Hook.Forward]: ['mangle', 'filter'], // -150 0
  [Hook.Output]: ['raw', 'conntrack', 'mangle', 'natDst', 'filter'], // -300 -200 -150 -100 0
  [Hook.Postrouting]: ['mangle', 'natSrc', 'confirm'], // -150 100 last
} as const satisfies Record<Hook, readonly StageName[]>;

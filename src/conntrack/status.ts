/** Status bits of an entry and helpers over `CtInfo`: the kernel's own values (`include/uapi/linux/netfilter/nf_conntrack_common.h`). */

/** IPS_*. `NatClash` shares the bit that the kernel calls IPS_UNTRACKED outside. */
export const Ips = {
  Expected: 1,
  SeenReply: 1 << 1,
  Assured: 1 << 2,
  Confirmed: 1 << 3,
  SrcNat: 1 << 4,
  DstNat: 1 << 5,
  NatMask: (1 << 4) | (1 << 5),
  SeqAdjust: 1 << 6,
  SrcNatDone: 1 << 7,
  DstNatDone: 1 << 8,
  NatDoneMask: (1 << 7) | (1 << 8),
  Dying: 1 << 9,
  FixedTimeout: 1 << 10,
  Template: 1 << 11,
  NatClash: 1 << 12,
  Helper: 1 << 13,
  Offload: 1 << 14,
  HwOffload: 1 << 15,
} as const;

/** IP_CT_DIR_ORIGINAL, IP_CT_DIR_REPLY. */
export const Dir = { Original: 0, Reply: 1 } as const;

/** IP_CT_IS_REPLY: what the reply direction adds to a `CtInfo`. */
export const IS_REPLY = 3;

/** CTINFO2DIR. */
export const dirOf = (ctinfo: number): number => (ctinfo >= IS_REPLY ? 1 : 0);

/** What a NAT target asks for (`struct nf_nat_range2`, `include/uapi/linux/netfilter/nf_nat.h`), in one reused object. */

/** NF_NAT_RANGE_*, in the kernel's values. */
export const RangeFlag = {
  MapIps: 1,
  ProtoSpecified: 2,
  ProtoRandom: 4,
  Persistent: 8,
  ProtoRandomFully: 16,
  ProtoOffset: 32,
  Netmap: 64,
} as const;
export const RANDOM_ALL = RangeFlag.ProtoRandom | RangeFlag.ProtoRandomFully;

/** NF_NAT_MANIP_SRC and _DST. */
export const Manip = { Src: 0, Dst: 1 } as const;
export type Manip = (typeof Manip)[keyof typeof Manip];

export class Range {
  flags = 0;
  /** int32; compared unsigned, both ends inclusive. */
  minAddr = 0;
  maxAddr = 0;
  /** For ICMP the identifier. */
  minPort = 0;
  maxPort = 0;
  basePort = 0;
}

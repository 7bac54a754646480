/**
 * Why a packet ends here. Named as the kernel names them (`include/net/dropreason-core.h`, SKB_DROP_REASON_*), so that a counter
 * here and one of `perf trace` or `dropwatch` there are the same word. Lives in `base` because the codecs' checks return it.
 */
export const DropReason = {
  None: 0,
  PktTooSmall: 1,
  OtherHost: 2,
  UnhandledProto: 3,
  IpInHdr: 4,
  IpCsum: 5,
  IpInNoRoutes: 6,
  IpOutNoRoutes: 7,
  IpInvalidSource: 8,
  IpLocalnet: 9,
  IpInvalidDest: 10,
  IpRpfilter: 11,
  IpForwardingOff: 12,
  IpOptionSourceRoute: 13,
  IpOptionInvalid: 14,
  UnicastInL2Multicast: 15,
  TtlExceeded: 16,
  PktTooBig: 17,
  FragReasmTimeout: 18,
  FragTooMany: 19,
  FragInvalid: 20,
  DupFrag: 21,
  IcmpCsum: 22,
  TcpCsum: 23,
  UdpCsum: 24,
  UdpLength: 25,
  TcpHdr: 26,
  NetfilterDrop: 27,
  NetfilterReject: 28,
  ConntrackFull: 29,
  ConntrackClash: 30,
  NatPortsExhausted: 31,
  NeighFailed: 32,
  NeighQueuefull: 33,
  NeighDead: 34,
  ArpInvalid: 35,
  VxlanInvalidHdr: 36,
  VxlanVniNotFound: 37,
  VxlanNoPeer: 38,
  TunnelLoop: 39,
  DevReady: 40,
  TxQueueFull: 41,
  Multicast: 42,
  NoSocket: 43,
  BridgeHairpin: 44,
  BridgeNoPort: 45,
  Blackhole: 46,
  IcmpRateLimit: 47,
  NoMemory: 48,
  VxlanEntryExists: 49,
  IpTunnelEcn: 50,
} as const;
export type DropReason = (typeof DropReason)[keyof typeof DropReason];

const words = Object.keys(DropReason) as (keyof typeof DropReason)[];
/** How many reasons there are: the length of a counter array. */
export const DROP_REASONS = words.length;

/** The kernel's way to write it: `NETFILTER_DROP`. For eyes. */
export const dropReasonName = (r: DropReason): string => words[r]!.replace(/(?<=.)(?=[A-Z])/g, '_').toUpperCase();

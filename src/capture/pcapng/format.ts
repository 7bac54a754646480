/**
 * Numbers of the pcapng format (draft-ietf-opsawg-pcapng), shared by writer and reader.
 *
 *     +-------------------+  0
 *     | block type        |
 *     | total length      |  4   multiple of four, this word and the last one included
 *     | body, options     |  8
 *     | total length      |
 *     +-------------------+
 *
 * An option is code (16 bits), length (16 bits), value padded to four bytes; code 0 ends the list.
 */
export const BlockType = {
  SectionHeader: 0x0a0d0d0a,
  InterfaceDescription: 1,
  SimplePacket: 3,
  NameResolution: 4,
  InterfaceStatistics: 5,
  EnhancedPacket: 6,
} as const;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

/** Options that every block may have. */
export const EndOfOptions = 0;
export const Comment = 1;

export const SectionOption = { Hardware: 2, Os: 3, Application: 4 } as const;
export const InterfaceOption = {
  Name: 2,
  Description: 3,
  Ipv4: 4,
  Mac: 6,
  Speed: 8,
  Tsresol: 9,
  Filter: 11,
  Os: 12,
  Hardware: 15,
} as const;
export const PacketOption = { Flags: 2, Hash: 3, DropCount: 4, PacketId: 5, Queue: 6, Verdict: 7 } as const;
export const StatisticsOption = { StartTime: 2, EndTime: 3, Received: 4, Dropped: 5, OsDropped: 7, Delivered: 8 } as const;
export const NameRecord = { End: 0, Ipv4: 1 } as const;

/** First byte of the verdict option: whose words the rest is in. */
export const VerdictType = { Hardware: 0, LinuxEbpfTc: 1, LinuxEbpfXdp: 2 } as const;
/**
 * The format has no netfilter verdicts; the return codes of tc are the nearest that it names and Wireshark prints them
 * (`include/uapi/linux/pkt_cls.h`).
 */
export const TcVerdict = { accept: 0, drop: 2, stolen: 4 } as const;
export type PacketVerdict = keyof typeof TcVerdict;

/** https://www.tcpdump.org/linktypes.html */
export const LinkType = { Null: 0, Ethernet: 1, Raw: 101, LinuxSll: 113, Ipv4: 228, LinuxSll2: 276 } as const;

/** Low two bits of epb_flags. */
export const directionFlag = { in: 1, out: 2 } as const;
export type Direction = keyof typeof directionFlag;
/** Reception type, bits 2..4 of epb_flags: how the frame was addressed. */
export const receptionFlag = { unicast: 1 << 2, multicast: 2 << 2, broadcast: 3 << 2, promiscuous: 4 << 2 } as const;
export type Reception = keyof typeof receptionFlag;

/** Classic pcap: microseconds and nanoseconds. */
export const PCAP_MAGIC_US = 0xa1b2c3d4;
export const PCAP_MAGIC_NS = 0xa1b23c4d;

/** Also for lengths past 2^31, which a damaged file may claim. */
export const pad4 = (n: number): number => n + (-n & 3);

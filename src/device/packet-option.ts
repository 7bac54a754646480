/** Names of `include/uapi/linux/if_packet.h` and `if_ether.h`. */
export const SOL_PACKET = 263;
export const PACKET_ADD_MEMBERSHIP = 1;
export const PACKET_STATISTICS = 6;
export const PACKET_COPY_THRESH = 7;
export const PACKET_VERSION = 10;
export const PACKET_RESERVE = 12;
export const PACKET_VNET_HDR = 15;
export const PACKET_QDISC_BYPASS = 20;
export const PACKET_IGNORE_OUTGOING = 23;
export const TPACKET_V2 = 1;
export const PACKET_MR_PROMISC = 1;
export const ETH_P_ALL = 0x0003;

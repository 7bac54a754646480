/** How a frame is addressed (`eth_type_trans`, net/ethernet/eth.c), for devices where the kernel does not say. */
import { PacketType } from '../packet/packet.ts';

/** @param at offset of the destination MAC in `b` @param mac the receiving end's address */
export function packetType(b: Uint8Array, at: number, mac: Uint8Array): number {
  if ((b[at]! & 1) !== 0) {
    for (let i = 0; i < 6; i++) if (b[at + i] !== 0xff) return PacketType.Multicast;
    return PacketType.Broadcast;
  }
  for (let i = 0; i < 6; i++) if (b[at + i] !== mac[i]) return PacketType.OtherHost;
  return PacketType.Host;
}

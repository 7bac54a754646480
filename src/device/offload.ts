/**
 * What a device leaves for later: checksums that hold only their pseudo-header, and segments larger than the MTU. The virtio-net header
 * (`include/uapi/linux/virtio_net.h`) carries both between this process and the kernel; a device without it gets finished checksums.
 *
 *     0 flags   1 gso_type   2 hdr_len (16)   4 gso_size (16)   6 csum_start (16)   8 csum_offset (16)      machine order: little endian
 */
import { release } from 'node:os';
import { Gso, type Packet } from '../packet/packet.ts';

export const VNET_HDR_LEN = 10;

/** VIRTIO_NET_HDR_GSO_UDP_L4 came with Linux 6.2 for all devices at once (`include/linux/virtio_net.h`); before it is an invalid header. */
export function kernelCutsUdp(version = release()): boolean {
  const [major, minor] = version.split('.', 2).map(Number);
  return major! > 6 || (major === 6 && minor! >= 2);
}

const F_NEEDS_CSUM = 1;
const F_DATA_VALID = 2;
/** The first segment carries CWR (RFC 3168). The kernel's own segmentation clears it on the others without being told. */
const GSO_ECN = 0x80;

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_VLAN = 0x8100;
const ETHERTYPE_QINQ = 0x88a8;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;

/** Read the header at `at` of `b` into the offload fields of `p`, whose frame starts at `frame` as the kernel counts (before a VLAN tag is put back). */
export function readVnetHeader(p: Packet, b: Uint8Array, at: number, frame: number): void {
  const flags = b[at]!;
  p.gsoType = b[at + 1]! & ~GSO_ECN;
  if (p.gsoType !== Gso.None) {
    p.hdrLen = b[at + 2]! | (b[at + 3]! << 8);
    p.gsoSize = b[at + 4]! | (b[at + 5]! << 8);
  }
  if ((flags & F_NEEDS_CSUM) !== 0) {
    p.csumStart = frame + (b[at + 6]! | (b[at + 7]! << 8));
    p.csumOffset = b[at + 8]! | (b[at + 9]! << 8);
  }
  p.csumValid = (flags & F_DATA_VALID) !== 0;
}

/**
 * Write the header for `p` at `at` of `b`. `hdr_len` is counted anew from the checksum's place where there is one: an encapsulation in
 * between has moved it, and the kernel refuses a header that ends before the checksum.
 */
export function writeVnetHeader(p: Packet, b: Uint8Array, at: number): void {
  const partial = p.csumStart !== 0;
  const csumStart = partial ? p.csumStart - p.start : 0;
  const csumOffset = partial ? p.csumOffset : 0;
  let hdrLen = 0;
  if (p.gsoType !== Gso.None) {
    // TCP: the data offset says where the header ends; UDP: 8 bytes.
    hdrLen = partial
      ? csumStart + (p.gsoType === Gso.Udp || p.gsoType === Gso.UdpL4 ? 8 : (p.bytes[p.csumStart + 12]! >> 4) * 4)
      : p.hdrLen;
  }
  b[at] = partial ? F_NEEDS_CSUM : p.csumValid ? F_DATA_VALID : 0;
  b[at + 1] = p.gsoType;
  b[at + 2] = hdrLen;
  b[at + 3] = hdrLen >> 8;
  b[at + 4] = p.gsoSize;
  b[at + 5] = p.gsoSize >> 8;
  b[at + 6] = csumStart;
  b[at + 7] = csumStart >> 8;
  b[at + 8] = csumOffset;
  b[at + 9] = csumOffset >> 8;
}

/**
 * The kernel says "checksum not ready" (TP_STATUS_CSUMNOTREADY) but not where: find it in the headers of an Ethernet frame. Leaves the
 * packet alone when it is not an unfragmented IPv4 TCP or UDP packet that is there to its checksum field.
 */
export function findPartialChecksum(p: Packet): void {
  const b = p.bytes;
  let at = p.start + 12;
  let type = (b[at]! << 8) | b[at + 1]!;
  while ((type === ETHERTYPE_VLAN || type === ETHERTYPE_QINQ) && at + 6 <= p.end) {
    at += 4;
    type = (b[at]! << 8) | b[at + 1]!;
  }
  const l3 = at + 2;
  if (type !== ETHERTYPE_IPV4 || l3 + 20 > p.end) return;
  const l4 = l3 + (b[l3]! & 15) * 4;
  const protocol = b[l3 + 9]!;
  const offset = protocol === IPPROTO_TCP ? 16 : protocol === IPPROTO_UDP ? 6 : -1;
  if (offset < 0 || l4 + offset + 2 > p.end || ((b[l3 + 6]! & 0x3f) | b[l3 + 7]!) !== 0) return;
  p.csumStart = l4;
  p.csumOffset = offset;
}

/**
 * The frames of the load: 64 bytes on the wire (60 and the frame check sequence that a veth does not have), UDP from the client to one
 * Service, checksums complete. Written where the sender sends them from.
 */
import { setU16 } from '../../wire/bytes.ts';
import * as checksum from '../../wire/checksum.ts';
import * as ethernet from '../../wire/ethernet.ts';
import * as ipv4 from '../../wire/ipv4.ts';
import * as udp from '../../wire/udp.ts';

export const FRAME_LEN = 60;
const FIRST_PORT = 1024;
/** Client ports of one source address. */
const PORTS = 64_000;

export interface FrameShape {
  readonly dstMac: Uint8Array;
  readonly srcMac: Uint8Array;
  /** Source address of the first flows; the following ones have the next addresses. int32 */
  readonly client: number;
  readonly service: number;
  readonly servicePort: number;
}

/** Ethernet, IPv4 and UDP at `at`; `aim` writes what is missing. */
export function writeFrame(b: Uint8Array, at: number, { dstMac, srcMac }: FrameShape): void {
  ethernet.setDst(b, at, dstMac);
  ethernet.setSrc(b, at, srcMac);
  ethernet.setType(b, at, ethernet.EtherType.Ipv4);
}

/** Make the frame at `at` one of flow `n`: a client port and address of its own. Does not allocate. */
export function aim(b: Uint8Array, at: number, shape: FrameShape, n: number): void {
  const l3 = at + ethernet.HEADER_LEN;
  const l4 = l3 + ipv4.HEADER_LEN;
  const end = at + FRAME_LEN;
  const source = shape.client + Math.floor(n / PORTS);
  ipv4.write(b, l3, 0, end - l3, n & 0xffff, 0, 64, ipv4.Protocol.Udp, source, shape.service);
  udp.setSrcPort(b, l4, FIRST_PORT + (n % PORTS));
  udp.setDstPort(b, l4, shape.servicePort);
  udp.setLength(b, l4, end - l4);
  setU16(b, l4 + udp.CHECKSUM_OFFSET, 0);
  const sum = checksum.add(checksum.pseudoHeader(source, shape.service, ipv4.Protocol.Udp, end - l4), b, l4, end);
  udp.setChecksum(b, l4, checksum.finish(sum) || 0xffff);
}

/** Checksums that a sender left to the device (virtio-net header, `CHECKSUM_PARTIAL`), finished here when no device will. */
import { setU16 } from '../wire/bytes.ts';
import * as checksum from '../wire/checksum.ts';
import type { Packet } from './packet.ts';

/**
 * Finish the transport checksum over `[csumStart, end)`. The field holds the pseudo-header's sum already. The result 0 is written as
 * 0xffff, which means the same in one's complement and is no "no checksum" in UDP (RFC 768), as the kernel does (`skb_checksum_help`).
 */
export function finishChecksum(p: Packet): void {
  if (p.csumStart === 0) return;
  const sum = checksum.of(p.bytes, p.csumStart, p.end);
  setU16(p.bytes, p.csumStart + p.csumOffset, sum === 0 ? 0xffff : sum);
  p.csumStart = 0;
  p.csumOffset = 0;
}

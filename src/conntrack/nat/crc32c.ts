/** CRC-32C, SCTP's checksum (RFC 9260 appendix A). Unlike the Internet checksum it is computed anew when a port changes. */
const POLYNOMIAL = 0x82f6_3b78;

const table = Int32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
  return c;
});

/** Writes the checksum of `b[at, end)` into its field at `field`, least significant byte first. */
export function writeCrc32c(b: Uint8Array, at: number, end: number, field: number): void {
  for (let i = 0; i < 4; i++) b[field + i] = 0;
  let c = -1;
  for (let i = at; i < end; i++) c = table[(c ^ b[i]!) & 0xff]! ^ (c >>> 8);
  c = ~c;
  for (let i = 0; i < 4; i++) b[field + i] = c >>> (8 * i);
}

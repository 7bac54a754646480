/**
 * One link type for all interfaces of a file, which is what tcpdump can read: where a frame has no Ethernet header (a router's hooks), one
 * of zeros stands in front of it, as on `lo`.
 */
import * as ethernet from '../../wire/ethernet.ts';
import { LinkType } from './format.ts';

/** @returns the frame's bytes with an Ethernet header, those of `bytes[start, end)` */
export function asEthernet(linkType: number, bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  if (linkType !== LinkType.Raw) return bytes.subarray(start, end);
  const framed = new Uint8Array(ethernet.HEADER_LEN + end - start);
  framed[12] = ethernet.EtherType.Ipv4 >> 8;
  framed[13] = ethernet.EtherType.Ipv4 & 0xff;
  framed.set(bytes.subarray(start, end), ethernet.HEADER_LEN);
  return framed;
}

/** A captured frame as a packet to walk. */
import { LabError } from '../base/errors.ts';
import { u16 } from '../wire/bytes.ts';
import { EtherType } from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';

/** What a reader of captures gives. */
export interface Capture {
  readonly interfaces: readonly { readonly linkType: number }[];
  readonly packets: readonly { readonly interfaceId: number; readonly bytes: Uint8Array }[];
}

/** LINKTYPE_ numbers (tcpdump.org), with the length of the link header and where in it the EtherType stands, -1: there is none. */
const links: Record<number, { name: string; length: number; type: number }> = {
  1: { name: 'Ethernet', length: 14, type: 12 },
  101: { name: 'raw IP', length: 0, type: -1 },
  113: { name: 'Linux cooked', length: 16, type: 14 },
  228: { name: 'IPv4', length: 0, type: -1 },
  276: { name: 'Linux cooked 2', length: 20, type: 0 },
};

/**
 * @param number 1 is the first
 * @returns the bytes, and where in them the IPv4 header stands; a frame that was cut when it was captured is filled up with zeros
 * @throws LabError BAD_INPUT when there is no such frame or no IPv4 packet in it
 */
export function frameToWalk(capture: Capture, number: number, file: string): { bytes: Uint8Array; l3: number } {
  const packet = capture.packets[number - 1];
  if (!packet) throw new LabError('BAD_INPUT', `${file} has ${capture.packets.length} frames: there is no frame ${number}`);
  const linkType = capture.interfaces[packet.interfaceId]!.linkType;
  const link = links[linkType];
  if (!link) throw new LabError('BAD_INPUT', `${file}, frame ${number}: link type ${linkType} is not one that can be walked`);
  const { bytes } = packet;
  const l3 = link.length;
  if (bytes.length < l3 + ipv4.HEADER_LEN || (link.type >= 0 && u16(bytes, link.type) !== EtherType.Ipv4) || bytes[l3]! >> 4 !== 4)
    throw new LabError('BAD_INPUT', `${file}, frame ${number}: no IPv4 packet`);
  const whole = new Uint8Array(Math.max(bytes.length, l3 + ipv4.totalLength(bytes, l3)));
  whole.set(bytes);
  return { bytes: whole, l3 };
}

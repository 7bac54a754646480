/** One frame as one hop saw it: what captures are read into, and what the journey and the comparisons look at. */

import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Direction, PacketVerdict } from './pcapng/format.ts';
import { type CaptureFile, type ReadInterface, readCaptureFile } from './pcapng/reader.ts';

export interface CapturedFrame {
  /** `node1/eth0`, `lan0`, `node1/prerouting`. */
  hop: string;
  /** Since 1970. */
  timeNs: bigint;
  /** Seen from the interface's owner; at a hook and in a file without directions there is none. */
  direction: Direction | undefined;
  /** A value of `LinkType`: Ethernet, or Raw where the frame starts with its IP header. */
  linkType: number;
  bytes: Uint8Array;
  /** On the wire: larger than `bytes.length` when the frame was cut. */
  originalLength: number;
  /** As the router numbered it: exact within that node. */
  tracedId: number | undefined;
  verdict: PacketVerdict | undefined;
  comments: readonly string[];
}

/** A hop's name as a file's name: names of nodes, pods and interfaces have no `_` of their own in a lab. */
export const hopFileName = (hop: string): string => `${hop.replaceAll('/', '_')}.pcapng`;

/** @param hop where frames of an unnamed interface were seen */
export function framesOf(file: CaptureFile, hop = ''): CapturedFrame[] {
  return file.packets.map(p => {
    const i = file.interfaces[p.interfaceId]!;
    return {
      hop: i.name || hop,
      timeNs: p.timeNs,
      direction: p.direction,
      linkType: i.linkType,
      bytes: p.bytes,
      originalLength: p.originalLength,
      tracedId: p.packetId === undefined ? undefined : Number(p.packetId),
      verdict: p.verdict,
      comments: p.comments,
    };
  });
}

/** The hops of a run and their frames, from the files of its folder `hops/`. A hop that saw nothing is there with no frames. */
export const readHops = (folder: string): Map<string, CapturedFrame[]> => readHopFiles(folder).frames;

/** The same, with what the files say of the interfaces: MAC, speed, and how many frames were counted and lost. */
export function readHopFiles(folder: string): { frames: Map<string, CapturedFrame[]>; interfaces: Map<string, ReadInterface> } {
  const hops = new Map<string, CapturedFrame[]>();
  const interfaces = new Map<string, ReadInterface>();
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.pcapng') && !name.endsWith('.pcap')) continue;
    const file = readCaptureFile(join(folder, name));
    const unnamed = basename(name).replace(/\.pcap(ng)?$/, '');
    for (const i of file.interfaces) {
      interfaces.set(i.name || unnamed, i);
      if (!hops.has(i.name || unnamed)) hops.set(i.name || unnamed, []);
    }
    for (const frame of framesOf(file, unnamed)) hops.get(frame.hop)!.push(frame);
  }
  return { frames: hops, interfaces };
}

/** Captured frames as packets to walk. */
import { LabError } from '../base/errors.ts';
import { u16 } from '../wire/bytes.ts';
import { EtherType } from '../wire/ethernet.ts';
import * as ipv4 from '../wire/ipv4.ts';
import type { WalkedFrame } from './walk.ts';

/** What a reader of captures gives. */
export interface Capture {
  readonly interfaces: readonly { readonly linkType: number; readonly name: string }[];
  readonly packets: readonly {
    readonly interfaceId: number;
    readonly bytes: Uint8Array;
    readonly timeNs: bigint;
    readonly direction: 'in' | 'out' | undefined;
  }[];
}

/** LINKTYPE_ numbers (tcpdump.org), with the length of the link header and where in it the EtherType stands, -1: there is none. */
const links: Record<number, { name: string; length: number; type: number }> = {
  1: { name: 'Ethernet', length: 14, type: 12 },
  101: { name: 'raw IP', length: 0, type: -1 },
  113: { name: 'Linux cooked', length: 16, type: 14 },
  228: { name: 'IPv4', length: 0, type: -1 },
  276: { name: 'Linux cooked 2', length: 20, type: 0 },
};

export interface FramesToWalk {
  readonly frames: readonly WalkedFrame[];
  /** How many are left out, by why. */
  readonly leftOut: ReadonlyMap<string, number>;
}

/**
 * Every frame that came into the node. A capture of one interface: by `where`, which is that interface's name, or without it as made on the
 * node. A capture of several: those that came in by `where` (`eth0`, `node1/eth0`), by any interface of `where` (`node1`), or, without it, by any.
 *
 * @throws LabError BAD_INPUT when none is left, or several nodes' are
 */
export function framesToWalk(capture: Capture, where: string | undefined, file: string): FramesToWalk {
  const several = new Set(capture.packets.map(p => p.interfaceId)).size > 1;
  if (several && where === undefined) oneNode(capture, file);
  const frames: WalkedFrame[] = [];
  const leftOut = new Map<string, number>();
  for (const [i, packet] of capture.packets.entries()) {
    const { name, linkType } = capture.interfaces[packet.interfaceId]!;
    const iif = several ? name.slice(name.lastIndexOf('/') + 1) : where;
    const why =
      several && where !== undefined && !isAt(name, where)
        ? `of other hops than ${where}`
        : several && packet.direction === undefined
          ? 'without a direction'
          : iif !== undefined && packet.direction === 'out'
            ? 'on their way out'
            : notWalkable(packet.bytes, linkType);
    if (why === undefined)
      frames.push({ number: i + 1, timeNs: packet.timeNs, ...whole(packet.bytes, linkType), ...(iif === undefined ? {} : { in: iif }) });
    else leftOut.set(why, (leftOut.get(why) ?? 0) + 1);
  }
  if (frames.length === 0) {
    const reasons = [...leftOut].map(([why, n]) => `${n} ${why}`).join(', ') || 'it is empty';
    throw new LabError('BAD_INPUT', `${file}: no frame that can be walked: ${reasons}`);
  }
  return { frames, leftOut };
}

/** @throws LabError BAD_INPUT for interfaces of several nodes (`node1/eth0`, `node2/eth0`): they have not one set of rules */
function oneNode({ interfaces }: Capture, file: string): void {
  const nodes = new Set(interfaces.map(({ name }) => (name.includes('/') ? name.slice(0, name.indexOf('/')) : '')));
  if (nodes.size > 1)
    throw new LabError('BAD_INPUT', `${file} has frames of ${[...nodes].filter(Boolean).join(', ')}: say with --in whose rules these are`);
}

const isAt = (name: string, where: string): boolean => name === where || name.endsWith(`/${where}`) || name.startsWith(`${where}/`);

/** @returns why not, undefined when it can be */
function notWalkable(bytes: Uint8Array, linkType: number): string | undefined {
  const link = links[linkType];
  if (!link) return `of link type ${linkType}, which cannot be walked`;
  const l3 = link.length;
  const isIpv4 =
    bytes.length >= l3 + ipv4.HEADER_LEN && (link.type < 0 || u16(bytes, link.type) === EtherType.Ipv4) && bytes[l3]! >> 4 === 4;
  return isIpv4 ? undefined : 'without an IPv4 packet';
}

/** A frame that was cut when it was captured is filled up with zeros. */
function whole(bytes: Uint8Array, linkType: number): { bytes: Uint8Array; l3: number } {
  const l3 = links[linkType]!.length;
  const all = new Uint8Array(Math.max(bytes.length, l3 + ipv4.totalLength(bytes, l3)));
  all.set(bytes);
  return { bytes: all, l3 };
}

/**
 * The far ends of the wires: injects a frame into a router and collects everything that comes out of it anywhere. Sentinel packets
 * follow each frame, one to every link, its own included; when all are back, the frame has been dealt with, so that a drop costs no
 * waiting.
 */
import { PacketSocket } from '../../src/device/packet-socket.ts';
import { arena } from '../../src/os/memory.ts';
import { PollSet } from '../../src/os/poll-set.ts';
import { Packet } from '../../src/packet/packet.ts';
import { setU32, u16, u32 } from '../../src/wire/bytes.ts';
import { ip } from '../router/frames.ts';
import { address, driverEnd, hostMac, type LinkName, links, SENTINEL_HOST, sentinelSource } from './topology.ts';

/** "Use for experimentation and testing" (RFC 3692). */
export const SENTINEL_PROTOCOL = 253;
const LOST_MS = 2000;
/** For a frame that waits to be sent, and what stands in front of it. */
const SLOT = 10_240;
const HEADROOM = 256;

/** A frame that no router takes. */
export const NOBODYS = new Uint8Array(60);

export interface Output {
  link: LinkName;
  frame: Uint8Array;
}

export class Wires {
  readonly #side: string;
  readonly #sockets = new Map<LinkName, PacketSocket>();
  readonly #polls = new PollSet();
  readonly #batch = Array.from({ length: 64 }, () => new Packet());
  readonly #memory = arena((1 + links.length) * SLOT);
  readonly #p = new Packet();
  #sentinel = 0;

  /** In the driver's namespace. */
  constructor(side: string) {
    this.#side = side;
    for (const { name } of links) {
      const socket = new PacketSocket(driverEnd(side, name), { offload: false, promiscuous: true, frames: 1024, frameSize: 9100 });
      this.#sockets.set(name, socket);
      this.#polls.add(socket.fd);
    }
  }

  /** @throws Error when a sentinel does not come back: the router has stopped or drops what must pass. */
  inject(link: LinkName, frame: Uint8Array): Output[] {
    const number = ++this.#sentinel;
    this.#note(link, frame, 0);
    // One that is too long for the other end is refused with all that stand behind it.
    if (frame.length > links.find(l => l.name === link)!.mtu) this.#sockets.get(link)!.flush();
    for (const [i, each] of sentinels(link, number).entries()) this.#note(link, each, 1 + i);
    this.#sockets.get(link)!.flush();
    return this.#collect(number);
  }

  /** Throws away what waits. */
  settle(): void {
    for (const socket of this.#sockets.values()) {
      while (socket.receive(this.#batch) > 0) socket.release();
    }
  }

  close(): void {
    for (const socket of this.#sockets.values()) socket.close();
  }

  /** To be sent with the next flush, from a slot of its own until then. */
  #note(link: LinkName, frame: Uint8Array, slot: number): void {
    const start = slot * SLOT + HEADROOM;
    this.#memory.bytes.set(frame, start);
    this.#p.borrow(this.#memory, slot * SLOT, start, start + frame.length, (slot + 1) * SLOT);
    const socket = this.#sockets.get(link)!;
    if (!socket.transmit(this.#p))
      throw new Error(`${this.#side}: the wire of ${link} takes no frame: ${socket.failure?.message ?? 'full'}`);
  }

  #collect(number: number): Output[] {
    const outputs: Output[] = [];
    const missing = new Set(this.#sockets.keys());
    const end = performance.now() + LOST_MS;
    for (;;) {
      for (const [name, socket] of this.#sockets) {
        const n = socket.receive(this.#batch);
        for (let i = 0; i < n; i++) {
          const p = this.#batch[i]!;
          const seen = sentinelNumber(p.bytes, p.start, p.end);
          if (seen === number) missing.delete(name);
          else if (seen === -1) outputs.push({ link: name, frame: p.bytes.slice(p.start, p.end) });
        }
        socket.release();
      }
      if (missing.size === 0) return outputs;
      if (performance.now() > end) throw new Error(`${this.#side}: no sentinel on ${[...missing].join(', ')} after ${LOST_MS} ms`);
      this.#polls.wait(1);
    }
  }
}

const MARK = 0x6b68_6f70;

const NUMBER_AT = 38;

/** One to each link, borrowed until the next call. */
export function sentinels(from: LinkName, number: number): readonly Uint8Array[] {
  const frames = prepared.get(from)!;
  for (const b of frames) setU32(b, NUMBER_AT, number);
  return frames;
}

export const isSentinel = (b: Uint8Array, start: number, end: number): boolean => sentinelNumber(b, start, end) !== -1;

const prepared = new Map(links.map(from => [from.name as LinkName, links.map(to => sentinel(from, to.net))]));

function sentinel({ net, mac }: (typeof links)[number], toNet: number): Uint8Array {
  const data = new Uint8Array(26);
  setU32(data, 0, MARK);
  const ends = { srcMac: hostMac(net, SENTINEL_HOST), dstMac: mac, src: sentinelSource(net), dst: address(toNet, SENTINEL_HOST) };
  return ip(ends, SENTINEL_PROTOCOL, data);
}

/** @returns -1 for a frame that is no sentinel. */
function sentinelNumber(b: Uint8Array, start: number, end: number): number {
  if (end - start < 42 || u16(b, start + 12) !== 0x0800 || b[start + 14] !== 0x45 || b[start + 23] !== SENTINEL_PROTOCOL) return -1;
  return u32(b, start + 34) === MARK ? u32(b, start + NUMBER_AT) : -1;
}

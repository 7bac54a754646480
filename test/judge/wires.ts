/**
 * The far ends of the wires: injects a frame into a router and collects everything that comes out of it anywhere. Sentinel packets
 * follow each frame, one to every link, its own included; when all are back, the frame has been dealt with, so that a drop costs no
 * waiting.
 */
import { PacketSocket } from '../../src/device/packet-socket.ts';
import { arena } from '../../src/os/memory.ts';
import { PollSet } from '../../src/os/poll-set.ts';
import { Packet } from '../../src/packet/packet.ts';
import { u16, u32 } from '../../src/wire/bytes.ts';
import { ip } from '../router/frames.ts';
import { address, driverEnd, hostMac, type LinkName, links, SENTINEL_HOST } from './topology.ts';

/** "Use for experimentation and testing" (RFC 3692). */
export const SENTINEL_PROTOCOL = 253;
const LOST_MS = 2000;

export interface Output {
  link: LinkName;
  frame: Uint8Array;
}

export class Wires {
  readonly #side: string;
  readonly #sockets = new Map<LinkName, PacketSocket>();
  readonly #polls = new PollSet();
  readonly #batch = Array.from({ length: 64 }, () => new Packet());
  readonly #memory = arena(1 << 17);
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
    this.#send(link, frame);
    for (const each of sentinels(link, number)) this.#send(link, each);
    return this.#collect(new Set(links.map(l => l.name)), number);
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

  #send(link: LinkName, frame: Uint8Array): void {
    this.#memory.bytes.set(frame, 256);
    this.#p.borrow(this.#memory, 0, 256, 256 + frame.length, this.#memory.bytes.length);
    const socket = this.#sockets.get(link)!;
    if (!socket.transmit(this.#p))
      throw new Error(`${this.#side}: the wire of ${link} takes no frame: ${socket.failure?.message ?? 'full'}`);
    socket.flush();
  }

  #collect(expected: Set<LinkName>, number: number): Output[] {
    const outputs: Output[] = [];
    const end = performance.now() + LOST_MS;
    while (expected.size > 0) {
      for (const [name, socket] of this.#sockets) {
        const n = socket.receive(this.#batch);
        for (let i = 0; i < n; i++) {
          const p = this.#batch[i]!;
          const seen = sentinelNumber(p.bytes, p.start, p.end);
          if (seen === number) expected.delete(name);
          else if (seen === -1) outputs.push({ link: name, frame: p.bytes.slice(p.start, p.end) });
        }
        socket.release();
      }
      if (expected.size === 0) break;
      if (performance.now() > end) throw new Error(`${this.#side}: no sentinel on ${[...expected].join(', ')} after ${LOST_MS} ms`);
      this.#polls.wait(1);
    }
    return outputs;
  }
}

const MARK = 0x6b68_6f70;

/** One to each link. */
export const sentinels = (from: LinkName, number: number): Uint8Array[] => links.map(to => sentinel(from, to.net, number));

export const isSentinel = (b: Uint8Array, start: number, end: number): boolean => sentinelNumber(b, start, end) !== -1;

function sentinel(from: LinkName, toNet: number, number: number): Uint8Array {
  const { net, mac } = links.find(l => l.name === from)!;
  const data = new Uint8Array(26);
  new DataView(data.buffer).setUint32(0, MARK);
  new DataView(data.buffer).setUint32(4, number);
  const ends = { srcMac: hostMac(net, SENTINEL_HOST), dstMac: mac, src: address(net, SENTINEL_HOST), dst: address(toNet, SENTINEL_HOST) };
  return ip(ends, SENTINEL_PROTOCOL, data);
}

/** @returns -1 for a frame that is no sentinel. */
function sentinelNumber(b: Uint8Array, start: number, end: number): number {
  if (end - start < 42 || u16(b, start + 12) !== 0x0800 || b[start + 14] !== 0x45 || b[start + 23] !== SENTINEL_PROTOCOL) return -1;
  return u32(b, start + 34) === MARK ? u32(b, start + 38) : -1;
}

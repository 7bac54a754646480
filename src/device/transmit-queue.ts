/**
 * What an interface is to send, in order, by the cheaper of two ways: frames that are finished and no longer than a chunk by an AF_XDP socket (`xdp-queue.ts`), where there is one;
 * all else by the packet socket. One of the two holds frames at a time, so that nothing is overtaken.
 */
import { Gso, type Packet } from '../packet/packet.ts';
import type { SendQueue } from './send-queue.ts';
import { XdpQueue } from './xdp-queue.ts';

const ETHERNET_HEADER_LEN = 14;

export class TransmitQueue {
  readonly #queue: SendQueue;
  #xdp: XdpQueue | null;
  readonly #largest: number;

  /** @param mtu a longer frame is left to the packet socket, which refuses it: an AF_XDP socket does not look */
  constructor(queue: SendQueue, xdp: XdpQueue | null, mtu: number) {
    this.#queue = queue;
    this.#xdp = xdp;
    this.#largest = Math.min(XdpQueue.LARGEST, mtu + ETHERNET_HEADER_LEN);
  }

  get size(): number {
    return this.#queue.size + (this.#xdp?.size ?? 0);
  }

  get xdp(): boolean {
    return this.#xdp !== null;
  }

  /** Note `p`, whose bytes must stand until `flush`. @returns false when what is noted has to be flushed first; then it is taken. */
  add(p: Packet): boolean {
    const xdp = this.#xdp;
    const queue = this.#queue;
    if (xdp !== null) {
      // Behind a frame that waits for the packet socket all go there: changing over costs a call.
      if (queue.size === 0 && this.#isFinished(p) && xdp.add(p)) return true;
      if (xdp.size > 0) return false;
    }
    if (queue.size === queue.capacity) return false;
    queue.add(p);
    return true;
  }

  /** @returns 0, or the errno that means that the interface has gone or is down */
  flush(): number {
    const xdp = this.#xdp;
    if (xdp === null || xdp.size === 0) return this.#queue.flush();
    const errno = xdp.flush();
    if (xdp.stuck) this.#endXdp();
    return errno;
  }

  /** Forget all without sending, and give the AF_XDP socket back. The packet socket is its owner's. */
  close(): void {
    this.#queue.clear();
    this.#endXdp();
  }

  #endXdp(): void {
    this.#xdp?.clear();
    this.#xdp?.close();
    this.#xdp = null;
  }

  /**
   * Nothing about it needs a virtio-net header. That the device vouched for the checksum (`csumValid`) is not told to the other end, which then looks itself; a veth, across which nothing
   * gets broken, vouches for everything anyway.
   */
  #isFinished(p: Packet): boolean {
    const length = p.end - p.start;
    return p.csumStart === 0 && p.gsoType === Gso.None && length >= ETHERNET_HEADER_LEN && length <= this.#largest;
  }
}

/**
 * Frames for an AF_XDP socket that only transmits (`xdp-rings.ts`): each is copied into a chunk, and one `sendto` hands them to the interface. For a small frame that
 * is less work for the kernel than a message of a packet socket (docs/decisions/0025). What a frame leaves for later, checksum or segments, cannot be said here.
 *
 * Frames go to the interface at once: past its queueing discipline, tc, nft's egress hook and whoever captures there, as with PACKET_QDISC_BYPASS.
 *
 * The kernel looks at the transmit ring inside `sendto` alone, and not at all while the interface is down. What it has once looked at cannot be taken back: then only closing the socket gives it up.
 */
import { EBUSY, EINTR, ENETDOWN, ENODEV, ENXIO } from '../os/errno.ts';
import { lastErrno, MSG_DONTWAIT, POLLOUT, sendto } from '../os/libc.ts';
import { PollSet } from '../os/poll-set.ts';
import type { Packet } from '../packet/packet.ts';
import type { DeviceCounters } from './device.ts';
import { FrameWords } from './frame-words.ts';
import { CHUNK, CHUNK_SHIFT, openXdpRings, type XdpRings } from './xdp-rings.ts';

/** So many that a batch of the router fits, and what is still on its way. 512 KiB, of the 8 MiB that a user may lock. */
const CHUNKS = 256;
/** As for a packet socket's queue: how often a full interface is asked again in one flush, each time after waiting up to 1 ms. */
const RETRIES = 3;
/** Before that it is asked at once: where a `sendto` takes 32 frames alone, how far it came may be told when it has taken them all. */
const HASTY = CHUNKS / 32;
/** x86-64 keeps loads and stores in their order by itself, see `rx-ring.ts`. */
const ORDERED = process.arch === 'x64';

export class XdpQueue {
  /** Bytes of a frame at most. A frame begins in its chunk at the same remainder of 4 as where it came from. */
  static readonly LARGEST = CHUNK - 4;
  readonly #rings: XdpRings;
  readonly #tx: Uint32Array;
  /** Where its descriptors begin. */
  readonly #desc: number;
  readonly #done: Uint32Array;
  readonly #counters: DeviceCounters;
  readonly #frames: FrameWords;
  readonly #writable = new PollSet(1);
  /** Chunks that are ours, the last used on top: it is in the cache. */
  readonly #free = new Uint32Array(CHUNKS);
  #freeCount = CHUNKS;
  /** Producer of the transmit ring, and how far its frames are accounted for. Both count on past the ring, modulo 2^32. */
  #noted = 0;
  #settled = 0;
  /** Frames were given up of which it is not known whether the kernel has taken them: whose the chunks are is not known either, and this queue is to be closed. */
  stuck = false;

  private constructor(rings: XdpRings, counters: DeviceCounters) {
    this.#rings = rings;
    this.#tx = rings.tx.words;
    this.#desc = rings.tx.desc;
    this.#done = rings.completion.words;
    this.#frames = new FrameWords(rings.chunks);
    this.#counters = counters;
    this.#writable.add(rings.fd, POLLOUT);
    for (let i = 0; i < CHUNKS; i++) this.#free[i] = CHUNKS - 1 - i;
  }

  /** @returns null where the kernel has no such socket, this user may not have one, or the interface has one already: the packet socket's way is always there. */
  static open(ifindex: number, name: string, counters: DeviceCounters): XdpQueue | null {
    try {
      return new XdpQueue(openXdpRings(ifindex, name, CHUNKS), counters);
    } catch {
      return null;
    }
  }

  get size(): number {
    return (this.#noted - this.#settled) >>> 0;
  }

  /** Copy `p.bytes[p.start, p.end)`, `LARGEST` bytes at most. @returns false when no chunk is free: `flush`, and when that gives none back, another way. */
  add(p: Packet): boolean {
    if (this.#freeCount === 0) {
      this.#reap();
      if (this.#freeCount === 0) return false;
    }
    const chunk = this.#free[--this.#freeCount]!;
    const at = this.#desc + (this.#noted & (CHUNKS - 1)) * 4;
    this.#tx[at] = this.#frames.copy(p.bytes, p.start, p.end, chunk << CHUNK_SHIFT);
    this.#tx[at + 2] = p.end - p.start;
    this.#noted = (this.#noted + 1) >>> 0;
    return true;
  }

  /**
   * Hand all to the interface. A frame that it drops is counted; room is waited for, a few ms at most, then the rest is dropped.
   * @returns 0, or the errno that means that the interface has gone or is down; then all that was left is dropped.
   */
  flush(): number {
    const { fd } = this.#rings;
    this.#publish();
    let calls = 0;
    let idle = 0;
    let lost = 0;
    while (this.#settled !== this.#noted) {
      const result = sendto(fd, 0, 0, MSG_DONTWAIT, 0, 0);
      const errno = result < 0 ? lastErrno() : 0;
      if (errno === EINTR) continue;
      if (errno === ENETDOWN || errno === ENXIO || errno === ENODEV) {
        lost = errno;
        break;
      }
      calls++;
      const before = this.#settled;
      this.#settle(errno === EBUSY);
      if (this.#settled !== before) idle = 0;
      else if (idle++ === RETRIES + HASTY) break;
      else if (idle > HASTY) this.#writable.wait(1);
    }
    if (this.#settled !== this.#noted) {
      this.stuck = calls > 0;
      this.clear();
    }
    this.#reap();
    return lost;
  }

  /** Give up what has not been sent. Unless the queue is stuck, the kernel has not looked at it yet, and the ring can be put back. */
  clear(): void {
    while (this.#noted !== this.#settled) {
      this.#noted = (this.#noted - 1) >>> 0;
      this.#free[this.#freeCount++] = this.#tx[this.#desc + (this.#noted & (CHUNKS - 1)) * 4]! >>> CHUNK_SHIFT;
      this.#counters.txDropped++;
    }
    this.#publish();
  }

  close(): void {
    this.#rings.close();
  }

  #publish(): void {
    const { producer } = this.#rings.tx;
    if (ORDERED) this.#tx[producer] = this.#noted;
    else Atomics.store(this.#tx, producer, this.#noted);
  }

  /**
   * Account for what the kernel has taken. @param dropped the interface dropped the last frame that was taken. Before Linux 6.17 the ring's consumer may say later how many were taken; then
   * this one stands for the one that was dropped.
   */
  #settle(dropped: boolean): void {
    const { consumer } = this.#rings.tx;
    const taken = ORDERED ? this.#tx[consumer]! : Atomics.load(this.#tx, consumer);
    let n = (taken - this.#settled) | 0;
    if (n < 0) n = 0;
    if (dropped && n === 0) n = 1;
    const sent = dropped ? n - 1 : n;
    for (let i = 0; i < sent; i++) this.#counters.txBytes += this.#tx[this.#desc + ((this.#settled + i) & (CHUNKS - 1)) * 4 + 2]!;
    this.#counters.txPackets += sent;
    this.#counters.txDropped += n - sent;
    this.#settled = (this.#settled + n) >>> 0;
  }

  /** Take back the chunks whose frames are gone. */
  #reap(): void {
    const { producer, consumer, desc } = this.#rings.completion;
    const done = this.#done;
    const end = ORDERED ? done[producer]! : Atomics.load(done, producer);
    let at = done[consumer]!;
    if (at === end) return;
    for (; at !== end; at = (at + 1) >>> 0) this.#free[this.#freeCount++] = done[desc + (at & (CHUNKS - 1)) * 2]! >>> CHUNK_SHIFT;
    if (ORDERED) done[consumer] = end;
    else Atomics.store(done, consumer, end);
  }
}

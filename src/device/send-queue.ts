/**
 * Frames noted for one `sendmmsg`: the kernel reads each where it stands, in whichever ring or arena. The structures are laid out once;
 * per frame only an address and a length are written, and the virtio-net header where it is spoken: in front of the frame, where there is room, or else
 * in a place of its own. In front is cheaper: the kernel takes a single iovec by a shorter way.
 *
 *     struct mmsghdr (64 bytes)   0 name  8 namelen  16 iov  24 iovlen  32 control  40 controllen  48 flags  56 msg_len
 *     struct iovec   (16 bytes)   0 base  8 len
 */

import { EAGAIN, EINTR, ENETDOWN, ENOBUFS, ENODEV, ENXIO } from '../os/errno.ts';
import { lastErrno, MSG_DONTWAIT, POLLOUT, sendmmsg } from '../os/libc.ts';
import { arena, setAddress } from '../os/memory.ts';
import { PollSet } from '../os/poll-set.ts';
import type { Packet } from '../packet/packet.ts';
import type { DeviceCounters } from './device.ts';
import { VNET_HDR_LEN, writeVnetHeader } from './offload.ts';

const MMSGHDR = 64;
const IOVEC = 16;
const VNET_SLOT = 16;
/** How often a full queue is asked again in one flush, each time after waiting up to 1 ms for room. */
const RETRIES = 3;

export class SendQueue {
  readonly capacity: number;
  readonly #fd: number;
  readonly #vnet: boolean;
  readonly #perFrame: number;
  readonly #messages;
  readonly #messageWords: Uint32Array;
  /** By message: its header stands in front of its frame. */
  readonly #inFront: Uint8Array;
  readonly #iov;
  readonly #iovWords: Uint32Array;
  readonly #headers;
  readonly #writable = new PollSet(1);
  readonly #counters: DeviceCounters;
  /** The memory of each noted frame: an arena that its owner lets go before `flush` must not be freed under the kernel's hands. */
  readonly #kept: Uint8Array[];
  #size = 0;

  constructor(fd: number, vnet: boolean, capacity: number, counters: DeviceCounters) {
    this.#fd = fd;
    this.#vnet = vnet;
    this.capacity = capacity;
    this.#counters = counters;
    this.#perFrame = vnet ? 2 : 1;
    this.#messages = arena(capacity * MMSGHDR);
    this.#iov = arena(capacity * this.#perFrame * IOVEC);
    this.#iovWords = new Uint32Array(this.#iov.bytes.buffer);
    this.#headers = arena(capacity * VNET_SLOT);
    this.#kept = Array.from({ length: capacity }, () => this.#headers.bytes);
    this.#writable.add(fd, POLLOUT);
    this.#messageWords = new Uint32Array(this.#messages.bytes.buffer);
    this.#inFront = new Uint8Array(capacity);
    for (let i = 0; i < capacity; i++) {
      this.#describe(i, this.#perFrame);
      if (!vnet) continue;
      const first = i * this.#perFrame;
      setAddress(this.#iovWords, first * 4, this.#headers.base + i * VNET_SLOT);
      this.#iovWords[first * 4 + 2] = VNET_HDR_LEN;
    }
  }

  /** Message `i` is made of its last `count` iovecs. */
  #describe(i: number, count: number): void {
    const first = (i + 1) * this.#perFrame - count;
    setAddress(this.#messageWords, (i * MMSGHDR + 16) >> 2, this.#iov.base + first * IOVEC);
    this.#messageWords[(i * MMSGHDR + 24) >> 2] = count;
  }

  get size(): number {
    return this.#size;
  }

  /** Note `p.bytes[p.start, p.end)`, which must stand until `flush`, as must the header in front of it. The caller flushes a full queue first. */
  add(p: Packet): void {
    const i = this.#size++;
    const w = (i * this.#perFrame + this.#perFrame - 1) * 4;
    this.#kept[i] = p.bytes;
    let { start } = p;
    if (this.#vnet) {
      const inFront = start - p.floor >= VNET_HDR_LEN ? 1 : 0;
      if (inFront !== this.#inFront[i]) {
        this.#inFront[i] = inFront;
        this.#describe(i, inFront === 1 ? 1 : 2);
      }
      if (inFront === 1) start -= VNET_HDR_LEN;
      writeVnetHeader(p, inFront === 1 ? p.bytes : this.#headers.bytes, inFront === 1 ? start : i * VNET_SLOT);
    }
    setAddress(this.#iovWords, w, p.base + start);
    this.#iovWords[w + 2] = p.end - start;
  }

  /**
   * Hand all to the kernel. A frame that it refuses for itself (too long, a header that does not fit) is dropped alone; a queue without room
   * is waited for, a few ms at most, then the rest is dropped. Each drop is counted.
   * @returns 0, or the errno that means that the interface has gone; then all that was left is dropped.
   */
  flush(): number {
    let at = 0;
    let retries = 0;
    let lost = 0;
    while (at < this.#size) {
      const sent = sendmmsg(this.#fd, this.#messages.base + at * MMSGHDR, this.#size - at, MSG_DONTWAIT);
      if (sent > 0) {
        this.#count(at, at + sent);
        at += sent;
        continue;
      }
      const errno = sent < 0 ? lastErrno() : EAGAIN;
      if (errno === EINTR) continue;
      if (errno === EAGAIN || errno === ENOBUFS) {
        if (retries++ === RETRIES) break;
        if (errno === EAGAIN) this.#writable.wait(1);
        continue;
      }
      if (errno === ENETDOWN || errno === ENXIO || errno === ENODEV) {
        lost = errno;
        break;
      }
      this.#counters.txDropped++;
      at++;
    }
    this.#counters.txDropped += this.#size - at;
    this.#size = 0;
    return lost;
  }

  /** Forget all without sending. */
  clear(): void {
    this.#counters.txDropped += this.#size;
    this.#size = 0;
  }

  #count(from: number, to: number): void {
    for (let i = from; i < to; i++)
      this.#counters.txBytes += this.#iovWords[(i * this.#perFrame + this.#perFrame - 1) * 4 + 2]! - this.#inFront[i]! * VNET_HDR_LEN;
    this.#counters.txPackets += to - from;
  }
}

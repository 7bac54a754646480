/**
 * Frames that are longer than a slot of the receive ring: with PACKET_COPY_THRESH the kernel keeps them whole in the socket's queue as well, and says so
 * in the slot (TP_STATUS_COPY). So the ring can have many small slots, which hold what arrives while the thread is not running, and segments of 64 KiB pass all the same.
 *
 * The queue is bounded by the socket's receive buffer, which must be larger than an ordinary user may ask for (SO_RCVBUFFORCE).
 *
 *     0 ...... HEADROOM - 10      HEADROOM             HEADROOM + largest
 *     | headroom     | vnet header | frame              | tailroom        |
 */
import { lastErrno, MSG_DONTWAIT, recvfrom, SO_RCVBUFFORCE, SOL_SOCKET, setsockopt } from '../os/libc.ts';
import { arena, type Region } from '../os/memory.ts';
import { setIntOption } from '../os/socket.ts';
import { VNET_HDR_LEN } from './offload.ts';
import { PACKET_COPY_THRESH, SOL_PACKET } from './packet-option.ts';

/** The kernel doubles it. */
const BUFFER = 16 << 20;
/** IPv4 behind an Ethernet header stands at a multiple of 16. */
const HEADROOM = 258;
/** So much that what comes behind a segment in the next frame can be put there. */
const TAILROOM = 65_536;

export class LargeFrames {
  readonly memory: Region;
  readonly slotLen: number;
  readonly #fd: number;
  readonly #count: number;
  #held = 0;
  errno = 0;

  private constructor(fd: number, count: number, largest: number, memory: (size: number) => Region) {
    this.#fd = fd;
    this.#count = count;
    this.slotLen = Math.ceil((HEADROOM + largest + TAILROOM) / 64) * 64;
    this.memory = memory(count * this.slotLen);
  }

  /**
   * @param count frames that are borrowed at once, at most
   * @param largest bytes of a frame
   * @param memory where they are kept
   * @returns null when this user may not have a buffer of that size @throws LabError DEVICE
   */
  static open(fd: number, name: string, count: number, largest: number, memory: (size: number) => Region): LargeFrames | null {
    const value = arena(4);
    new Int32Array(value.bytes.buffer)[0] = BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, value.base, 4) < 0) return null;
    setIntOption(fd, SOL_PACKET, PACKET_COPY_THRESH, 1, 'PACKET_COPY_THRESH', name);
    return new LargeFrames(fd, count, largest, memory);
  }

  /** Nothing can be taken before `release`. */
  get full(): boolean {
    return this.#held === this.#count;
  }

  /** Offset in `memory.bytes` of the slot that the next frame goes to. */
  get slot(): number {
    return this.memory.at + this.#held * this.slotLen;
  }

  /** Where the frame of a slot begins. */
  frame(slot: number): number {
    return slot + HEADROOM;
  }

  /**
   * The frame that the ring's next copied slot is about goes to `slot`, as this is before the call.
   * @returns its length; -1 when it is not there. `errno` tells what stood in its place: an error of the socket is told once, and before any frame.
   */
  take(): number {
    const at = this.memory.base + this.slot + HEADROOM - VNET_HDR_LEN;
    const room = this.slotLen - HEADROOM + VNET_HDR_LEN;
    this.errno = 0;
    let got = recvfrom(this.#fd, at, room, MSG_DONTWAIT, 0, 0);
    if (got < 0) {
      this.errno = lastErrno();
      got = recvfrom(this.#fd, at, room, MSG_DONTWAIT, 0, 0);
      if (got < 0) return -1;
    }
    this.#held++;
    return got - VNET_HDR_LEN;
  }

  release(): void {
    this.#held = 0;
  }
}

/**
 * TPACKET_V2 receive ring (Documentation/networking/packet_mmap.rst): memory shared with the kernel, cut into frames of one size, which
 * the kernel fills in order. A slot is the kernel's (status 0) or ours (TP_STATUS_USER); frames are rewritten and sent where they stand.
 *
 *     0              32           52             reserve       mac - 10      mac             mac + snaplen       frame size
 *     | tpacket2_hdr | sockaddr_ll | headroom .................. | vnet header | frame           | tailroom          |
 *
 *     tpacket2_hdr   0 status  4 len  8 snaplen  12 mac (16)  14 net (16)  16 sec  20 nsec  24 vlan_tci (16)  26 vlan_tpid (16)
 *
 * Frames lie in blocks of whole pages and do not cross them. The layout here is one size for all. Segments come beside the ring (`large-frames.ts`), or, where
 * the user may not have the buffer for that, slots are of 66 KiB, fifteen to a block of 1 MiB (a power of two between slots would put all headers into the same cache sets).
 */
import { arena, type Mapping, mapShared } from '../os/memory.ts';
import { setOption } from '../os/socket.ts';
import { SOL_PACKET } from './packet-option.ts';

const PACKET_RX_RING = 5;

export const Status = {
  Kernel: 0,
  User: 1,
  /** The whole frame is in the socket's queue as well. */
  Copy: 2,
  Losing: 4,
  CsumNotReady: 8,
  VlanValid: 0x10,
  VlanTpidValid: 0x40,
  CsumValid: 0x80,
} as const;

/** Where the link-layer address starts: TPACKET_ALIGN(sizeof(struct tpacket2_hdr)); its pkttype is the byte at 10. */
const SLL_PKTTYPE = 32 + 10;
/** TPACKET2_HDRLEN, rounded: what lies below belongs to the kernel. */
const HEADER_END = 64;
/** PACKET_RESERVE: with what the kernel adds, more than 128 bytes stand free in front of each frame. */
export const RESERVE = 144;
/** From the slot's start to the furthest place of a frame: header, reserve, vnet header, alignment. */
const OVERHEAD = 32 + 20 + 16 + 16 + RESERVE + 16;

export interface RingShape {
  blockSize: number;
  blocks: number;
  frameSize: number;
  frames: number;
}

/**
 * @param largest bytes of the largest frame that must fit
 * @param frames at least so many slots; rounded up to whole blocks
 */
export function ringShape(largest: number, frames: number): RingShape {
  const frameSize = Math.ceil((largest + OVERHEAD) / 64) * 64;
  const blockSize = frameSize > 4096 ? 1 << 20 : 1 << 16;
  const perBlock = Math.floor(blockSize / frameSize);
  const blocks = Math.max(1, Math.ceil(frames / perBlock));
  return { blockSize, blocks, frameSize, frames: blocks * perBlock };
}

/**
 * x86-64 keeps loads and stores in their order by itself; elsewhere a status is read and written with barriers. On Node 24 `Atomics` is a call,
 * 0.02 us of it for every frame.
 */
const ORDERED = process.arch === 'x64';

export class RxRing {
  readonly memory: Mapping;
  readonly frames: number;
  /** End of each slot minus its start. */
  readonly frameSize: number;
  readonly #status: Int32Array;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #slots: Uint32Array;
  #head = 0;
  #held = 0;

  /** Ask the kernel for the ring and map it. @throws LabError DEVICE, OS */
  constructor(fd: number, name: string, shape: RingShape) {
    const request = arena(16); // struct tpacket_req
    new Uint32Array(request.bytes.buffer).set([shape.blockSize, shape.blocks, shape.frameSize, shape.frames]);
    setOption(fd, SOL_PACKET, PACKET_RX_RING, request, `PACKET_RX_RING of ${shape.frames} frames of ${shape.frameSize} bytes`, name);
    this.memory = mapShared(fd, shape.blockSize * shape.blocks, `receive ring of "${name}"`);
    this.frames = shape.frames;
    this.frameSize = shape.frameSize;
    const buffer = this.memory.bytes.buffer;
    this.#status = new Int32Array(buffer);
    this.#words = new Uint32Array(buffer);
    this.#halves = new Uint16Array(buffer);
    const perBlock = shape.frames / shape.blocks;
    this.#slots = Uint32Array.from({ length: shape.frames }, (_, i) => {
      const block = Math.floor(i / perBlock);
      return block * shape.blockSize + (i - block * perBlock) * shape.frameSize;
    });
  }

  /** Slots that are ours until `release`. */
  get held(): number {
    return this.#held;
  }
  /** Take the next slot that the kernel has filled. @returns its offset in `memory.bytes`, -1 when there is none. */
  take(): number {
    if (this.#held === this.frames) return -1;
    const slot = this.#slots[this.#head]!;
    // The frame must not be read before the status that announces it.
    const status = ORDERED ? this.#status[slot >>> 2]! : Atomics.load(this.#status, slot >>> 2);
    if ((status & Status.User) === 0) return -1;
    this.#head = this.#head + 1 === this.frames ? 0 : this.#head + 1;
    this.#held++;
    return slot;
  }
  /** Give all slots that are held back to the kernel, oldest first. */
  release(): void {
    let i = this.#head - this.#held;
    if (i < 0) i += this.frames;
    for (; this.#held > 0; this.#held--) {
      const at = this.#slots[i]! >>> 2;
      if (ORDERED) this.#status[at] = Status.Kernel;
      else Atomics.store(this.#status, at, Status.Kernel);
      i = i + 1 === this.frames ? 0 : i + 1;
    }
  }

  status(slot: number): number {
    return this.#words[slot >>> 2]!;
  }
  /** Length on the wire; larger than `captured` when the slot was too small. */
  length(slot: number): number {
    return this.#words[(slot >>> 2) + 1]!;
  }
  captured(slot: number): number {
    return this.#words[(slot >>> 2) + 2]!;
  }
  /** Offset in `memory.bytes` of the frame's first byte. */
  frame(slot: number): number {
    return slot + this.#halves[(slot >>> 1) + 6]!;
  }
  floor(slot: number): number {
    return slot + HEADER_END;
  }
  vlanTci(slot: number): number {
    return this.#halves[(slot >>> 1) + 12]!;
  }
  vlanTpid(slot: number): number {
    return this.#halves[(slot >>> 1) + 13]!;
  }
  packetType(slot: number): number {
    return this.memory.bytes[slot + SLL_PKTTYPE]!;
  }
  close(): void {
    this.memory.close();
  }
}

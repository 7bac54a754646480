/**
 * Slots for the packets that a node makes or keeps: ICMP errors, ARP, what waits for a neighbour, fragments put together. Two sizes,
 * each with one `Packet` per slot, all made at the start: taking and giving back are moves on a stack of free slots.
 */
import type { Memory } from './memory.ts';
import { Packet } from './packet.ts';

/** Room in front of the Ethernet header for a VXLAN encapsulation (50 bytes) and a device's own header. */
export const HEADROOM = 128;
const SMALL = 2048;
/** The largest IPv4 packet with room around it. */
const LARGE = 65_536 + 256;

export interface ArenaSize {
  small: number;
  large: number;
}

export class Arena {
  readonly #memory: Memory;
  readonly #packets: Packet[] = [];
  readonly #floors: number[] = [];
  readonly #freeSmall: number[] = [];
  readonly #freeLarge: number[] = [];
  readonly #small: number;

  static bytesFor(size: ArenaSize): number {
    return size.small * SMALL + size.large * LARGE;
  }

  /** @param memory of at least `Arena.bytesFor(size)` bytes, from `at` on */
  constructor(memory: Memory & { readonly at?: number }, size: ArenaSize) {
    this.#memory = memory;
    this.#small = size.small;
    let at = memory.at ?? 0;
    for (let i = 0; i < size.small + size.large; i++) {
      this.#packets.push(new Packet());
      this.#floors.push(at);
      (i < size.small ? this.#freeSmall : this.#freeLarge).push(i);
      at += i < size.small ? SMALL : LARGE;
    }
  }

  get size(): number {
    return this.#packets.length;
  }
  get free(): number {
    return this.#freeSmall.length + this.#freeLarge.length;
  }
  /** Slots for packets of any length. */
  get freeLarge(): number {
    return this.#freeLarge.length;
  }

  /**
   * A packet with room for `length` bytes of frame behind `HEADROOM`; `end` is where the frame will end. What the slot held before
   * still stands in it: the caller writes every byte.
   *
   * @returns null when no slot is free: the caller counts NoMemory.
   */
  take(length: number): Packet | null {
    const slot = HEADROOM + length <= SMALL && this.#freeSmall.length > 0 ? this.#freeSmall.pop()! : this.#freeLarge.pop();
    if (slot === undefined || HEADROOM + length > LARGE) return null;
    const p = this.#packets[slot]!;
    const floor = this.#floors[slot]!;
    p.borrow(this.#memory, floor, floor + HEADROOM, floor + HEADROOM + length, floor + (slot < this.#small ? SMALL : LARGE));
    p.slot = slot;
    return p;
  }

  give(p: Packet): void {
    if (p.slot < 0) return;
    (p.slot < this.#small ? this.#freeSmall : this.#freeLarge).push(p.slot);
    p.slot = -1;
  }
}

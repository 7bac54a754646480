/** Memory with an address: mappings of kernel rings, and arenas for structures and packets that this process makes. */
import type { LabError } from '../base/errors.ts';
import { osError } from './errno.ts';
import {
  addressOf,
  lastErrno,
  MAP_ANONYMOUS,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  mmap,
  munmap,
  PROT_READ,
  PROT_WRITE,
  viewOf,
} from './libc.ts';

/** `base` is the address of `bytes[0]`. The same shape as `Memory` of the packets' side. */
export interface Arena {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly base: number;
}

/**
 * `size` zeroed bytes that never move, freed when nobody refers to `bytes` any more: whoever hands addresses to the kernel keeps the
 * arena. An ArrayBuffer of its own is always off the heap (a small typed array made by length would not be).
 */
export function arena(size: number): Arena {
  const bytes = new Uint8Array(new ArrayBuffer(size));
  return { bytes, base: addressOf(bytes) };
}

/** The same over bytes that somebody else made, off the heap and not to be moved either. */
export const arenaOver = (bytes: Uint8Array<ArrayBuffer>): Arena => ({ bytes, base: addressOf(bytes) });

/** A part of a memory: it begins at `bytes[at]`. */
export interface Region extends Arena {
  readonly at: number;
}

/** Memory of its own. */
export const region = (size: number): Region => ({ ...arena(size), at: 0 });

/** Parts of `whole`, one behind the other, as long as there is room; then memory of their own. */
export function regionsOf(whole: Arena): (size: number) => Region {
  let next = 0;
  return size => {
    const at = next;
    if (at + size > whole.bytes.length) return region(size);
    next = Math.ceil((at + size) / REGION_STEP) * REGION_STEP;
    return { bytes: whole.bytes, base: whole.base, at };
  };
}
const REGION_STEP = 4096;

export interface Mapping extends Arena {
  /** Unmap. The views become empty first, so a late reader finds `undefined` and not a fault. A second call does nothing. */
  close(): void;
}

/**
 * mmap of `size` bytes of `fd`, shared and writable.
 * @param object what is mapped, for the message
 * @param offset which of the mappings that `fd` offers
 * @throws LabError OS
 */
export const mapShared = (fd: number, size: number, object: string, offset = 0): Mapping =>
  map(fd, size, MAP_SHARED | MAP_POPULATE, object, offset);

/** Zeroed memory that begins at a page, where the kernel asks for that. @param object as for `mapShared` @throws LabError OS */
export const mapPages = (size: number, object: string): Mapping => map(-1, size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, object, 0);

function map(fd: number, size: number, flags: number, object: string, offset: number): Mapping {
  const base = mmap(0, size, PROT_READ | PROT_WRITE, flags, fd, offset);
  if (base === -1) throw mapError(object, size);
  const buffer = viewOf(base, size);
  let open = true;
  return {
    bytes: new Uint8Array(buffer),
    base,
    close() {
      if (!open) return;
      open = false;
      buffer.transfer(0);
      munmap(base, size);
    },
  };
}

const mapError = (object: string, size: number): LabError => osError('mmap', `${object} (${size} bytes)`, lastErrno());

/** Write a 64-bit address in the machine's order (little endian) as two words. `words[at]` is its lower half. */
export function setAddress(words: Uint32Array, at: number, address: number): void {
  words[at] = address >>> 0;
  words[at + 1] = Math.floor(address / 0x1_0000_0000);
}

/**
 * Memory that frames live in: a mapped ring, or an arena for the packets that the router makes or keeps.
 * `base` is the address of `bytes[0]` in this process, so that a device can hand a frame to the kernel where it stands (iovec);
 * user addresses have 47 bits and fit a number exactly. 0 where nobody outside will read it (tests).
 */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly base: number;
}

/** Memory without an address: for tests and for tools that never transmit. */
export const plainMemory = (size: number): Memory => ({ bytes: new Uint8Array(size), base: 0 });

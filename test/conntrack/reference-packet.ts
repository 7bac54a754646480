/**
 * Connection tracking of TCP and UDP once more, slow and plain: objects, text keys, unsigned numbers and words instead of bits. Written
 * from the kernel's behaviour and from nothing in `src/conntrack`, so that the two can be held against each other.
 */
export interface Given {
  now: number;
  reply: boolean;
  flags: string;
  seq: number;
  ack: number;
  window: number;
  length: number;
  options: { scale?: number; sackPermitted?: boolean; sack?: [number, number][] };
}
export type Outcome = {
  info: 'new' | 'established' | 'established-reply' | 'invalid';
  state?: string;
  left?: number;
  assured?: boolean;
  replied?: boolean;
};

export const u32 = (n: number): number => n >>> 0;
/** a comes after b on the circle of 2^32; half way round each comes after the other. */
export const after = (a: number, b: number): boolean => u32(a - b) !== 0 && u32(a - b) <= 0x8000_0000;
export const before = (a: number, b: number): boolean => after(b, a);

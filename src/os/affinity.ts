/** Which processors a thread may run on (sched_setaffinity(2)). */
import { check } from './errno.ts';
import { schedSetaffinity } from './libc.ts';
import { arena } from './memory.ts';

/** CPU_SETSIZE bits. */
const MASK_LEN = 128;

/** This thread on one processor alone, counted from 0; threads that it starts inherit it. @throws LabError OS for one that is not there */
export function pinThread(processor: number): void {
  const mask = arena(MASK_LEN);
  mask.bytes[processor >> 3] = 1 << (processor & 7);
  check(schedSetaffinity(0, MASK_LEN, mask.base), 'sched_setaffinity', `processor ${processor}`);
}

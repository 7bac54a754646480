/** The calling thread among others of the machine. */
import { check } from './errno.ts';
import { setpriority, syscallOnThread } from './libc.ts';
import { arena } from './memory.ts';

const PRIO_PROCESS = 0;

/** Others go first when processors are short (setpriority(2): on Linux a thread's own). @param nice 1..19 */
export const giveWay = (nice: number): void => void check(setpriority(PRIO_PROCESS, 0, nice), 'setpriority', `nice ${nice}`);

/**
 * struct sched_attr (sched_setattr(2)), version 0:
 *
 *     0 size (32)  4 policy (32)  8 flags (64)  16 nice (32)  20 priority (32)  24 runtime, ns (64)  32 deadline (64)  40 period (64)
 */
const ATTRIBUTES_LEN = 48;
const POLICY = 4 >> 2;
const RUNTIME_LOW = 24 >> 2;
const RUNTIME_HIGH = 28 >> 2;
const SCHED_OTHER = 0;
/** Numbers of sched_setattr and sched_getattr. */
const calls: Partial<Record<NodeJS.Architecture, { set: number; get: number }>> = {
  x64: { set: 314, get: 315 },
  arm64: { set: 274, get: 275 },
};

/**
 * The thread is asked to run often and briefly: when it wakes, it takes the processor from a thread of the same weight with a longer slice, in place of
 * waiting for that one's slice to end. Its share of the processor stays what it is.
 *
 * Linux 6.12 (`kernel/sched/fair.c`, PREEMPT_SHORT): an ordinary user's thread may ask. Older kernels have no slices; there, and for a thread that is not
 * scheduled as ordinary ones are, nothing changes.
 *
 * @param microseconds 100 to 100,000
 * @returns whether the kernel has taken it
 */
export function shortSlice(microseconds: number): boolean {
  const call = calls[process.arch];
  if (call === undefined) return false;
  const attributes = arena(ATTRIBUTES_LEN);
  const words = new Uint32Array(attributes.bytes.buffer, attributes.bytes.byteOffset, ATTRIBUTES_LEN >> 2);
  if (syscallOnThread(call.get, 0, attributes.base, ATTRIBUTES_LEN, 0) !== 0) return false;
  if (words[POLICY] !== SCHED_OTHER || words[RUNTIME_LOW] === 0) return false;
  words[RUNTIME_LOW] = microseconds * 1000;
  words[RUNTIME_HIGH] = 0;
  return syscallOnThread(call.set, 0, attributes.base, 0, 0) === 0;
}

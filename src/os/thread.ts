/** The calling thread among others of the machine. */
import { check } from './errno.ts';
import { setpriority } from './libc.ts';

const PRIO_PROCESS = 0;

/** Others go first when processors are short (setpriority(2): on Linux a thread's own). @param nice 1..19 */
export const giveWay = (nice: number): void => void check(setpriority(PRIO_PROCESS, 0, nice), 'setpriority', `nice ${nice}`);

/** eventfd(2): how another thread wakes a thread that waits in a `PollSet`. A descriptor number is valid in every thread of the process. */
import { check } from './errno.ts';
import { close, eventfd, O_CLOEXEC, O_NONBLOCK, read, write } from './libc.ts';
import { arena } from './memory.ts';

export class EventFd {
  readonly fd: number;
  readonly #word = arena(8);

  /** @param fd that of another thread's `EventFd`; without it a new one is made. @throws LabError OS */
  constructor(fd?: number) {
    this.fd = fd ?? check(eventfd(0, O_NONBLOCK | O_CLOEXEC), 'eventfd', 'for a wake-up');
  }
  /** Make `fd` readable. Never waits: a counter that is full is as readable as one that is not. */
  wake(): void {
    this.#word.bytes.fill(0);
    this.#word.bytes[0] = 1;
    write(this.fd, this.#word.base, 8);
  }
  /** Take all wake-ups. @returns whether there were any. */
  drain(): boolean {
    return read(this.fd, this.#word.base, 8) === 8;
  }
  /** By the thread that made it, when no other uses it any more. */
  close(): void {
    close(this.fd);
  }
}

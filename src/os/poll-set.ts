/** poll(2) over a set of descriptors that seldom changes. No object is made per wait. */
import { EINTR, osError } from './errno.ts';
import { lastErrno, POLLERR, POLLHUP, POLLIN, POLLNVAL, poll } from './libc.ts';
import { type Arena, arena } from './memory.ts';

/**
 * The longest wait in ms: a thread inside a foreign call cannot be terminated, so that a call never takes longer, whatever is asked. A
 * caller with more time calls again.
 */
export const MAX_WAIT_MS = 1000;

//  struct pollfd: 0 fd (int32), 4 events (int16), 6 revents (int16)
const POLLFD_LEN = 8;

export class PollSet {
  #arena: Arena;
  #fds: Int32Array;
  #events: Int16Array;
  #size = 0;

  constructor(capacity = 16) {
    this.#arena = arena(Math.max(1, capacity) * POLLFD_LEN);
    this.#fds = new Int32Array(this.#arena.bytes.buffer);
    this.#events = new Int16Array(this.#arena.bytes.buffer);
  }

  get size(): number {
    return this.#size;
  }

  /** Wait for `fd` as well. -1 keeps its place and is never ready. @returns its place in the set, for `ready`. */
  add(fd: number, events: number = POLLIN): number {
    const place = this.#size++;
    if (place * POLLFD_LEN === this.#arena.bytes.length) this.#grow();
    this.#fds[place * 2] = fd;
    this.#events[place * 4 + 2] = events;
    this.#events[place * 4 + 3] = 0;
    return place;
  }

  /** Wait for another descriptor, or for something else of the same one, at `place`. */
  put(place: number, fd: number, events: number = POLLIN): void {
    this.#fds[place * 2] = fd;
    this.#events[place * 4 + 2] = events;
    this.#events[place * 4 + 3] = 0;
  }

  /** Stop waiting for the descriptor at `place`; the places of the others stay. */
  remove(place: number): void {
    this.#fds[place * 2] = -1;
    this.#events[place * 4 + 3] = 0;
  }

  /**
   * Wait until a descriptor is ready, for at most `timeoutMs` (a fraction is rounded up) and never longer than `MAX_WAIT_MS`.
   * @returns how many are ready; 0 after the timeout or a signal. Makes no object. @throws LabError OS on a broken set.
   */
  wait(timeoutMs: number): number {
    const bounded = timeoutMs > MAX_WAIT_MS ? MAX_WAIT_MS : timeoutMs > 0 ? Math.ceil(timeoutMs) : 0;
    const n = poll(this.#arena.base, this.#size, bounded);
    if (n >= 0) return n;
    const errno = lastErrno();
    for (let i = 0; i < this.#size; i++) this.#events[i * 4 + 3] = 0;
    if (errno === EINTR) return 0;
    throw osError('poll', `${this.#size} descriptors`, errno);
  }

  /** What the last `wait` found at `place`: POLLIN, POLLERR, POLLHUP, POLLNVAL, 0. */
  revents(place: number): number {
    return this.#events[place * 4 + 3]!;
  }
  /** Something to take: data, or an error that `receive` will find. */
  ready(place: number): boolean {
    return (this.#events[place * 4 + 3]! & (POLLIN | POLLERR | POLLHUP | POLLNVAL)) !== 0;
  }

  #grow(): void {
    const larger = arena(this.#arena.bytes.length * 2);
    larger.bytes.set(this.#arena.bytes);
    this.#arena = larger;
    this.#fds = new Int32Array(larger.bytes.buffer);
    this.#events = new Int16Array(larger.bytes.buffer);
  }
}

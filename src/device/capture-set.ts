/** Capture sockets in many network namespaces, listened to by one thread. */
import { insideNetns } from '../os/netns.ts';
import { PollSet } from '../os/poll-set.ts';
import { CaptureSocket, type CaptureSocketOptions } from './capture-socket.ts';

export interface CapturePoint extends CaptureSocketOptions {
  /** Path of a network namespace; this thread's own without it. */
  netns?: string;
  interface: string;
}

export class CaptureSet {
  /** In the order of the points. */
  readonly sockets: readonly CaptureSocket[];
  readonly #poll: PollSet;

  /** Opens all or none. @throws LabError DEVICE, NETNS_EPERM, OS */
  constructor(points: readonly CapturePoint[]) {
    const sockets: CaptureSocket[] = [];
    try {
      for (const point of points) {
        const open = () => new CaptureSocket(point.interface, point);
        sockets.push(point.netns === undefined ? open() : insideNetns(point.netns, open));
      }
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    this.sockets = sockets;
    this.#poll = new PollSet(sockets.length);
    for (const socket of sockets) this.#poll.add(socket.fd);
  }

  /** Wait until a socket can be read, for at most `timeoutMs`. */
  wait(timeoutMs: number): void {
    this.#poll.wait(timeoutMs);
  }

  /** Brings every counter up to date. @returns frames that were on the wire before this call and have not been read. */
  waiting(): number {
    let n = 0;
    for (const socket of this.sockets) {
      socket.statistics();
      n += Math.max(0, socket.waiting);
    }
    return n;
  }

  close(): void {
    for (const socket of this.sockets) socket.close();
  }
}

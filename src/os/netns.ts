/**
 * Network namespaces, per thread (setns(2), network_namespaces(7)).
 *
 * After `enterNetns` in a thread: sockets and devices that this thread opens, and children that it spawns (libuv forks from the calling
 * thread), are in the new namespace. `/proc/net` and `/sys/class/net` still show that of the main thread; `/proc/thread-self/net` and
 * `/proc/sys/net` the new one. Asynchronous `fs` and DNS run on pool threads that did not move: read synchronously.
 */
import { check } from './errno.ts';
import { CLONE_NEWNET, close, O_CLOEXEC, O_RDONLY, open, setns, unshare } from './libc.ts';

/** The namespace this thread is in. */
export const THREAD_NETNS = '/proc/thread-self/ns/net';

/** Open a namespace, so that it lives while the descriptor does. @param path `/run/netns/node1`, `/proc/PID/ns/net` @throws LabError NETNS_EPERM */
export const openNetns = (path: string): number =>
  check(open(path, O_RDONLY | O_CLOEXEC, 0), 'open network namespace', `"${path}"`, 'NETNS_EPERM');

/** Move this thread. @param where a path, or a descriptor, which stays open. @throws LabError NETNS_EPERM */
export function enterNetns(where: string | number): void {
  const fd = typeof where === 'number' ? where : openNetns(where);
  try {
    check(setns(fd, CLONE_NEWNET), 'setns', `network namespace ${typeof where === 'number' ? `fd ${where}` : `"${where}"`}`, 'NETNS_EPERM');
  } finally {
    if (typeof where === 'string') close(fd);
  }
}

/** Put this thread into a new, empty network namespace. It lives as long as a thread, a descriptor or a mount holds it. @throws LabError NETNS_EPERM */
export function newNetns(): void {
  check(unshare(CLONE_NEWNET), 'unshare', 'network namespace', 'NETNS_EPERM');
}

/** Run `work` in another namespace and come back, whatever happens. `work` is synchronous: a promise would go on in the wrong place. */
export function insideNetns<T>(where: string | number, work: () => T): T {
  const home = openNetns(THREAD_NETNS);
  try {
    enterNetns(where);
    return work();
  } finally {
    try {
      enterNetns(home);
    } finally {
      close(home);
    }
  }
}

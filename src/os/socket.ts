/** Sockets at the level of system calls: open, options, pending error. */
import { check, errnoName } from './errno.ts';
import { getsockopt, lastErrno, SO_ERROR, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET, setsockopt, socket } from './libc.ts';
import { type Arena, arena } from './memory.ts';

const word = arena(8);
const words = new Int32Array(word.bytes.buffer);

/** A socket that never blocks and is not inherited. @param what for the message @throws LabError NETNS_EPERM when it is not permitted, or OS */
export function openSocket(domain: number, type: number, protocol: number, what: string): number {
  const fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  const denied = fd < 0 && errnoName(lastErrno()) === 'EPERM';
  return check(fd, 'socket', what, denied ? 'NETNS_EPERM' : 'OS');
}

/** setsockopt with a structure. @param option its name and value in words @param object whose socket @throws LabError DEVICE */
export function setOption(fd: number, level: number, name: number, value: Arena, option: string, object: string): void {
  check(setsockopt(fd, level, name, value.base, value.bytes.length), `setsockopt ${option}`, `"${object}"`, 'DEVICE');
}

/** setsockopt with an int. @throws LabError DEVICE */
export function setIntOption(fd: number, level: number, name: number, value: number, option: string, object: string): void {
  words[0] = value;
  check(setsockopt(fd, level, name, word.base, 4), `setsockopt ${option} ${value}`, `"${object}"`, 'DEVICE');
}

/** Take the pending error of a socket (SO_ERROR clears it). @returns errno, 0 for none. Does not allocate. */
export function takeError(fd: number): number {
  words[1] = 4;
  words[0] = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, word.base, word.base + 4) < 0) return lastErrno();
  return words[0]!;
}

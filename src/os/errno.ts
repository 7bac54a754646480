/** errno: its names, and the error that carries call, object and name. Numbers of asm-generic/errno.h (x86-64 and arm64). */
import { constants } from 'node:os';
import { type ErrorCode, LabError } from '../base/errors.ts';
import { lastErrno } from './libc.ts';

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EIO = 5;
export const ENXIO = 6;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENOTTY = 25;
export const EFAULT = 14;
export const EBADF = 9;
export const EBADFD = 77;
export const EMSGSIZE = 90;
export const ENETDOWN = 100;
export const ENOBUFS = 105;
export const EINPROGRESS = 115;

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));
names.set(EAGAIN, 'EAGAIN'); // EWOULDBLOCK has the same number
names.set(EBADFD, 'EBADFD');

/** `ENODEV`; `errno 4242` for a number that has no name. */
export const errnoName = (errno: number): string => names.get(errno) ?? `errno ${errno}`;

/** @param object what the call was about, with its value: `"eth0"`, `/dev/net/tun`. */
export const osError = (call: string, object: string, errno: number, code: ErrorCode = 'OS'): LabError =>
  new LabError(code, `${call} ${object}: ${errnoName(errno)}`, { cause: { call, errno, name: errnoName(errno) } });

/** Pass a result on, or throw when it is -1. For set-up; the packet path looks at `lastErrno` itself. */
export function check(result: number, call: string, object: string, code: ErrorCode = 'OS'): number {
  if (result < 0) throw osError(call, object, lastErrno(), code);
  return result;
}

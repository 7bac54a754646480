/**
 * The C library's calls that this project needs, bound once. Everything in `os/` and `device/` that leaves JavaScript goes through here.
 *
 * Pointers are declared as integers (`uintptr_t`) and passed as numbers: user addresses have 47 bits, so a number holds them exactly, and
 * koffi neither wraps nor checks anything. Measured with `write` of 64 bytes to /dev/null on Node 24: 0.27 us so, as much as with a
 * typed array as argument; `getppid` 0.18 us; reading `errno` 0.02 us. Who passes an address keeps the memory alive during the call.
 *
 * An address is no small integer, so each call boxes it: 12 to 16 bytes of short-lived garbage per call, which is per batch for `sendmmsg` and per
 * frame for the `read` and `write` of a TAP.
 *
 * All return -1 on failure and leave the reason in `lastErrno()`; `check` in `errno.ts` turns that into an error. Constants are those of
 * Linux on x86-64 and arm64, where all of those used here are equal.
 *
 * A thread inside one of these calls cannot be terminated: callers pass O_NONBLOCK, MSG_DONTWAIT or a bounded timeout.
 */
import koffi from 'koffi';

// The process itself: symbols of whatever C library node was started with (glibc or musl).
const process_ = koffi.load(null);

const INT = 'int';
const SIZE = 'size_t';
const ADDRESS = 'uintptr_t';
const SIGNED = 'intptr_t'; // ssize_t, off_t, long
const STRING = 'str';

// The signature is stated at each binding; koffi itself types every result as `any`.
// biome-ignore lint/suspicious/noExplicitAny: a foreign function has the type that is written beside it
const bind = (name: string, result: string, ...args: string[]): any => process_.func(name, result, args);

export const open: (path: string, flags: number, mode: number) => number = bind('open', INT, STRING, INT, INT);
export const close: (fd: number) => number = bind('close', INT, INT);
export const dup: (fd: number) => number = bind('dup', INT, INT);
export const dup2: (fd: number, over: number) => number = bind('dup2', INT, INT, INT);
export const read: (fd: number, address: number, length: number) => number = bind('read', SIGNED, INT, ADDRESS, SIZE);
export const write: (fd: number, address: number, length: number) => number = bind('write', SIGNED, INT, ADDRESS, SIZE);
export const readv: (fd: number, iov: number, count: number) => number = bind('readv', SIGNED, INT, ADDRESS, INT);
export const writev: (fd: number, iov: number, count: number) => number = bind('writev', SIGNED, INT, ADDRESS, INT);
export const ioctl: (fd: number, request: number, argument: number) => number = bind('ioctl', INT, INT, 'unsigned long', ADDRESS);
export const fcntl: (fd: number, command: number, argument: number) => number = bind('fcntl', INT, INT, INT, SIGNED);

export const socket: (domain: number, type: number, protocol: number) => number = bind('socket', INT, INT, INT, INT);
export const bindSocket: (fd: number, address: number, length: number) => number = bind('bind', INT, INT, ADDRESS, 'uint32_t');
export const connectSocket: (fd: number, address: number, length: number) => number = bind('connect', INT, INT, ADDRESS, 'uint32_t');
export const listen: (fd: number, backlog: number) => number = bind('listen', INT, INT, INT);
/** The peer's address is not asked for when `address` is 0. */
export const accept4: (fd: number, address: number, length: number, flags: number) => number = bind(
  'accept4',
  INT,
  INT,
  ADDRESS,
  ADDRESS,
  INT,
);
export const setsockopt: (fd: number, level: number, name: number, value: number, length: number) => number = bind(
  'setsockopt',
  INT,
  INT,
  INT,
  INT,
  ADDRESS,
  'uint32_t',
);
export const getsockopt: (fd: number, level: number, name: number, value: number, length: number) => number = bind(
  'getsockopt',
  INT,
  INT,
  INT,
  INT,
  ADDRESS,
  ADDRESS,
);
export const sendto: (fd: number, address: number, length: number, flags: number, to: number, toLength: number) => number = bind(
  'sendto',
  SIGNED,
  INT,
  ADDRESS,
  SIZE,
  INT,
  ADDRESS,
  'uint32_t',
);
export const recvfrom: (fd: number, address: number, length: number, flags: number, from: number, fromLength: number) => number = bind(
  'recvfrom',
  SIGNED,
  INT,
  ADDRESS,
  SIZE,
  INT,
  ADDRESS,
  ADDRESS,
);
export const sendmmsg: (fd: number, messages: number, count: number, flags: number) => number = bind(
  'sendmmsg',
  INT,
  INT,
  ADDRESS,
  'unsigned int',
  INT,
);

export const mmap: (address: number, length: number, protection: number, flags: number, fd: number, offset: number) => number = bind(
  'mmap',
  SIGNED,
  ADDRESS,
  SIZE,
  INT,
  INT,
  INT,
  'int64_t',
);
export const munmap: (address: number, length: number) => number = bind('munmap', INT, ADDRESS, SIZE);

export const poll: (fds: number, count: number, timeoutMs: number) => number = bind('poll', INT, ADDRESS, 'unsigned long', INT);
export const eventfd: (initial: number, flags: number) => number = bind('eventfd', INT, 'unsigned int', INT);

/** A system call without a function of its own in every C library that Node runs on, by its number: of `threadAttributes` in `thread.ts`. */
export const syscallOnThread: (number: number, thread: number, attributes: number, a: number, b: number) => number = bind(
  'syscall',
  SIGNED,
  SIGNED,
  SIGNED,
  ADDRESS,
  SIGNED,
  SIGNED,
);
/** setpriority(2): `which` 0 is a process, or with a thread's id that thread; 0 is the one that calls. */
export const setpriority: (which: number, who: number, nice: number) => number = bind('setpriority', INT, INT, INT, INT);
export const setns: (fd: number, kind: number) => number = bind('setns', INT, INT, INT);
export const unshare: (flags: number) => number = bind('unshare', INT, INT);
/** `data` is a text or null; flags as in mount(2). */
export const mount: (source: string | null, target: string, type: string | null, flags: number, data: string | null) => number = bind(
  'mount',
  INT,
  STRING,
  STRING,
  STRING,
  'unsigned long',
  STRING,
);
export const umount2: (target: string, flags: number) => number = bind('umount2', INT, STRING, INT);
export const prctl: (option: number, a: number, b: number, c: number, d: number) => number = bind(
  'prctl',
  INT,
  INT,
  'unsigned long',
  'unsigned long',
  'unsigned long',
  'unsigned long',
);
export const schedSetaffinity: (tid: number, size: number, mask: number) => number = bind('sched_setaffinity', INT, INT, SIZE, ADDRESS);
export const kill: (pid: number, signal: number) => number = bind('kill', INT, INT, INT);
export const ifNameToIndex: (name: string) => number = bind('if_nametoindex', 'unsigned int', STRING);

/** The reason of the last failed call of this thread. */
export const lastErrno = (): number => koffi.errno();

/** The address of the first byte of an off-heap buffer; stable while the buffer lives. */
export const addressOf = (bytes: ArrayBufferView): number => Number(koffi.address(bytes));

/** An ArrayBuffer over memory that somebody else owns (a mapping). */
export const viewOf = (address: number, length: number): ArrayBuffer => koffi.view(address, length);

/** open(2), fcntl(2), mmap(2), socket(2), eventfd(2), setns(2), mount(2), poll(2). */
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_ANONYMOUS = 0x20;
export const MAP_POPULATE = 0x8000;
export const AF_INET = 2;
export const AF_NETLINK = 16;
export const AF_PACKET = 17;
export const AF_XDP = 44;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = O_NONBLOCK;
export const SOCK_CLOEXEC = O_CLOEXEC;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const IPPROTO_TCP = 6;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;
export const POLLNVAL = 32;
export const CLONE_NEWNS = 0x00020000;
export const CLONE_NEWNET = 0x40000000;
export const MS_REC = 16384;
export const MS_BIND = 4096;
export const MS_PRIVATE = 1 << 18;
export const MNT_DETACH = 2;

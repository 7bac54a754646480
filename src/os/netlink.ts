/**
 * Netlink (RFC 3549, `include/uapi/linux/netlink.h`): messages with typed attributes to and from the kernel. Cold path; allocates.
 *
 *     nlmsghdr (16 bytes)   0 len  4 type (16)  6 flags (16)  8 seq  12 portid        each message padded to 4
 *     rtattr    (4 bytes)   0 len (16)  2 type (16)                                    each attribute padded to 4
 */
import { LabError } from '../base/errors.ts';
import { check, EAGAIN, EINTR, ENOBUFS, errnoName, osError } from './errno.ts';
import { AF_NETLINK, bindSocket, close, lastErrno, recvfrom, SO_RCVBUF, SOCK_RAW, SOL_SOCKET, sendto } from './libc.ts';
import { arena } from './memory.ts';
import { PollSet } from './poll-set.ts';
import { openSocket, setIntOption } from './socket.ts';

const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLMSG_OVERRUN = 4;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP_INTR = 0x10;
/** NLM_F_ROOT | NLM_F_MATCH: all objects. */
const NLM_F_DUMP = 0x300;
const HEADER_LEN = 16;
/** Attribute types carry two flag bits at the top (NLA_F_NESTED, NLA_F_NET_BYTEORDER). */
const TYPE_MASK = 0x3fff;

const RECEIVE_SIZE = 64 * 1024;
/** The kernel answers a dump while it is asked; longer than this it is broken. */
const ANSWER_MS = 5000;
const MONITOR_BUFFER = 1 << 20;
/** A dump that was disturbed by a change (NLM_F_DUMP_INTR) is asked again so often. */
const DUMP_ATTEMPTS = 8;

export interface NetlinkMessage {
  type: number;
  /** What follows the header: the family's own structure, then attributes. A copy. */
  body: DataView;
}

export type Attributes = Map<number, DataView>;

/** Attributes of `body` after the family's structure of `skip` bytes. A malformed rest is left out. */
export function attributes(body: DataView, skip: number): Attributes {
  const found: Attributes = new Map();
  for (let at = align(skip); at + 4 <= body.byteLength; ) {
    const length = body.getUint16(at, true);
    if (length < 4 || at + length > body.byteLength) break;
    found.set(body.getUint16(at + 2, true) & TYPE_MASK, new DataView(body.buffer, body.byteOffset + at + 4, length - 4));
    at += align(length);
  }
  return found;
}

const align = (n: number): number => (n + 3) & ~3;

export class NetlinkSocket {
  readonly fd: number;
  readonly #receive = arena(RECEIVE_SIZE);
  #sequence = 0;

  /** In this thread's network namespace. @param groups bit mask of multicast groups (RTMGRP_*) to listen to @throws LabError OS */
  constructor(protocol: number, groups = 0) {
    this.fd = openSocket(AF_NETLINK, SOCK_RAW, protocol, 'AF_NETLINK');
    try {
      if (groups !== 0) setIntOption(this.fd, SOL_SOCKET, SO_RCVBUF, MONITOR_BUFFER, 'SO_RCVBUF', 'netlink monitor');
      const address = arena(12); // struct sockaddr_nl: 0 family (16), 4 portid, 8 groups
      const view = new DataView(address.bytes.buffer);
      view.setUint16(0, AF_NETLINK, true);
      view.setUint32(8, groups, true);
      check(bindSocket(this.fd, address.base, 12), 'bind', `AF_NETLINK groups ${groups}`);
    } catch (error) {
      close(this.fd);
      throw error;
    }
  }

  /**
   * All objects of one kind: a dump. Waits for the answer, at most 5 s.
   * @param type RTM_GET* @param body the family's structure, zeros for "all"
   * @throws LabError OS with the kernel's errno
   */
  dump(type: number, body: Uint8Array, what: string): NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      const answer = this.#dumpOnce(type, body, what);
      if (!answer.interrupted || attempt === DUMP_ATTEMPTS) return answer.messages;
    }
  }

  #dumpOnce(type: number, body: Uint8Array, what: string): { messages: NetlinkMessage[]; interrupted: boolean } {
    const sequence = ++this.#sequence;
    const request = arena(align(HEADER_LEN + body.length));
    const header = new DataView(request.bytes.buffer);
    header.setUint32(0, HEADER_LEN + body.length, true);
    header.setUint16(4, type, true);
    header.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
    header.setUint32(8, sequence, true);
    request.bytes.set(body, HEADER_LEN);
    check(sendto(this.fd, request.base, request.bytes.length, 0, 0, 0), 'netlink send', what);

    const messages: NetlinkMessage[] = [];
    let interrupted = false;
    const readable = new PollSet(1);
    readable.add(this.fd);
    const end = performance.now() + ANSWER_MS;
    for (;;) {
      const length = this.#read(what);
      if (length < 0) throw osError('netlink dump', what, ENOBUFS);
      if (length === 0) {
        const left = end - performance.now();
        if (left <= 0) throw new LabError('OS', `netlink dump ${what}: no answer within ${ANSWER_MS} ms`);
        readable.wait(left);
        continue;
      }
      for (const m of this.#messages(length)) {
        if (m.sequence !== sequence) continue;
        if ((m.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (m.type === NLMSG_DONE) return { messages, interrupted };
        if (m.type === NLMSG_ERROR) throw osError('netlink dump', what, -m.body.getInt32(0, true));
        messages.push({ type: m.type, body: m.body });
      }
    }
  }

  /**
   * What the monitor has heard since the last call. Does not wait.
   * @returns undefined when messages were lost (ENOBUFS): the caller dumps again.
   */
  heard(): NetlinkMessage[] | undefined {
    const messages: NetlinkMessage[] = [];
    let lost = false;
    for (;;) {
      const length = this.#read('monitor');
      if (length === 0) return lost ? undefined : messages;
      if (length < 0) {
        lost = true;
        continue;
      }
      for (const m of this.#messages(length)) {
        if (m.type === NLMSG_OVERRUN) lost = true;
        else messages.push({ type: m.type, body: m.body });
      }
    }
  }

  /** @returns bytes, 0 when nothing waits, -1 when messages were lost. */
  #read(what: string): number {
    for (;;) {
      const length = recvfrom(this.fd, this.#receive.base, RECEIVE_SIZE, 0, 0, 0);
      if (length >= 0) return length;
      const errno = lastErrno();
      if (errno === EAGAIN) return 0;
      if (errno === ENOBUFS) return -1;
      if (errno !== EINTR) throw new LabError('OS', `netlink receive ${what}: ${errnoName(errno)}`);
    }
  }

  *#messages(length: number): Generator<NetlinkMessage & { flags: number; sequence: number }> {
    const copy = this.#receive.bytes.slice(0, length);
    const view = new DataView(copy.buffer);
    for (let at = 0; at + HEADER_LEN <= length; ) {
      const size = view.getUint32(at, true);
      if (size < HEADER_LEN || at + size > length) return;
      const body = new DataView(copy.buffer, at + HEADER_LEN, size - HEADER_LEN);
      yield { type: view.getUint16(at + 4, true), flags: view.getUint16(at + 6, true), sequence: view.getUint32(at + 8, true), body };
      at += align(size);
    }
  }

  close(): void {
    close(this.fd);
  }
}

/**
 * Questions to the kernel's nfnetlink subsystems, one at a time (`include/uapi/linux/netfilter/nfnetlink.h`).
 *
 *     nlmsghdr (16 bytes)  nfgenmsg (4 bytes: family, version, resource id)  attributes, nested; numbers inside in network order
 */
import { check, EAGAIN, errnoName } from './errno.ts';
import { AF_NETLINK, close, lastErrno, recvfrom, SOCK_RAW, sendto } from './libc.ts';
import { arena } from './memory.ts';
import { PollSet } from './poll-set.ts';
import { openSocket } from './socket.ts';

const NETLINK_NETFILTER = 12;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const NESTED = 0x8000;
const NETWORK_ORDER = 0x4000;
const HEADER = 20;
const ANSWER_MS = 1000;

export class Nfnetlink {
  readonly #fd: number;
  readonly #request = arena(512);
  readonly #view = new DataView(this.#request.bytes.buffer);
  readonly #answer = arena(8192);
  readonly #readable = new PollSet(1);
  #end = 0;
  #sequence = 0;

  /** In this thread's network namespace. */
  constructor() {
    this.#fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, 'NETLINK_NETFILTER');
    this.#readable.add(this.#fd);
  }
  close(): void {
    close(this.#fd);
  }

  /** @param type subsystem << 8 | message @param flags beside NLM_F_REQUEST and NLM_F_ACK */
  begin(type: number, family: number, flags = 0): void {
    this.#request.bytes.fill(0);
    this.#view.setUint16(4, type, true);
    this.#view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK | flags, true);
    this.#view.setUint32(8, ++this.#sequence, true);
    this.#view.setUint8(16, family);
    this.#end = HEADER;
  }
  /** An attribute that holds others, until `shut` is called with what this returns. */
  open(type: number): number {
    const at = this.#end;
    this.#view.setUint16(at + 2, type | NESTED, true);
    this.#end += 4;
    return at;
  }
  shut(at: number): void {
    this.#view.setUint16(at, this.#end - at, true);
  }
  put8(type: number, v: number): void {
    this.#view.setUint8(this.#header(type, 1), v);
  }
  put16(type: number, v: number): void {
    this.#view.setUint16(this.#header(type, 2), v);
  }
  put32(type: number, v: number): void {
    this.#view.setUint32(this.#header(type, 4), v);
  }
  putText(type: number, text: string): void {
    const bytes = Buffer.from(`${text}\0`);
    this.#request.bytes.set(bytes, this.#header(type, bytes.length));
  }
  #header(type: number, length: number): number {
    const at = this.#end;
    this.#view.setUint16(at, 4 + length, true);
    this.#view.setUint16(at + 2, type, true);
    this.#end += 4 + ((length + 3) & ~3);
    return at + 4;
  }

  /**
   * Sends, and waits for the answer and the acknowledgement.
   * @returns errno, 0 for none, and what follows the header of the message that came, if one did
   */
  ask(): { errno: number; answer?: DataView } {
    this.#view.setUint32(0, this.#end, true);
    check(sendto(this.#fd, this.#request.base, this.#end, 0, 0, 0), 'netlink send', 'nfnetlink');
    let answer: DataView | undefined;
    for (;;) {
      const n = recvfrom(this.#fd, this.#answer.base, this.#answer.bytes.length, 0, 0, 0);
      if (n < 0) {
        if (lastErrno() !== EAGAIN || this.#readable.wait(ANSWER_MS) === 0) check(n, 'netlink receive', 'nfnetlink');
        continue;
      }
      const view = new DataView(this.#answer.bytes.buffer, 0, n);
      for (let at = 0; at + 16 <= n; at += (view.getUint32(at, true) + 3) & ~3) {
        if (view.getUint32(at + 8, true) !== this.#sequence) continue;
        if (view.getUint16(at + 4, true) === NLMSG_ERROR) {
          const errno = -view.getInt32(at + 16, true);
          return answer ? { errno, answer } : { errno };
        }
        answer = new DataView(this.#answer.bytes.buffer.slice(at + 16, at + view.getUint32(at, true)));
      }
    }
  }

  /** @throws Error when the kernel refuses */
  demand(what: string): void {
    const { errno } = this.ask();
    if (errno !== 0) throw new Error(`${what}: ${errnoName(errno)}`);
  }
}

/** Type of an attribute whose number is told to be in network order, where a subsystem insists on being told. */
export const inNetworkOrder = (type: number): number => type | NETWORK_ORDER;

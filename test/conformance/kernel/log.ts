/**
 * What passes the hooks of a kernel, by its packet log (nfnetlink_log, `include/uapi/linux/netfilter/nfnetlink_log.h`): `log group 0` of
 * nft. One packet to one message, at once.
 */
import { check, EAGAIN, ENOBUFS } from '../../../src/os/errno.ts';
import { AF_INET, AF_NETLINK, close, lastErrno, recvfrom, SO_RCVBUFFORCE, SOCK_RAW, SOL_SOCKET, sendto } from '../../../src/os/libc.ts';
import { arena } from '../../../src/os/memory.ts';
import { attributes } from '../../../src/os/netlink.ts';
import { PollSet } from '../../../src/os/poll-set.ts';
import { openSocket, setIntOption } from '../../../src/os/socket.ts';

const NETLINK_NETFILTER = 12;
const ULOG = 4 << 8;
const PACKET = ULOG | 0;
const CONFIG = ULOG | 1;
const NLMSG_ERROR = 2;
const REQUEST_AND_ACK = 5;
const BIND = 1;
const COPY_PACKET = 2;
const Config = { cmd: 1, mode: 2, nlbufsiz: 3, qthresh: 5 } as const;
const Nfula = { header: 1, mark: 2, inDevice: 4, outDevice: 5, payload: 9, prefix: 10 } as const;
const ROOM = 16 << 20;
const NFGENMSG = 4;

export interface Logged {
  /** NF_INET_* */
  hook: number;
  /** From the IPv4 header on. */
  bytes: Uint8Array;
  mark: number;
  /** Interface indices, 0 for none. */
  iif: number;
  oif: number;
  /** What the rule that logs says of it; '' for nothing. */
  prefix: string;
}

export class PacketLog {
  readonly #fd: number;
  readonly #memory = arena(1 << 17);
  readonly #readable = new PollSet(1);

  /** In this thread's network namespace. */
  constructor() {
    this.#fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, 'NETLINK_NETFILTER');
    setIntOption(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, ROOM, 'SO_RCVBUFFORCE', 'packet log');
    this.#readable.add(this.#fd);
    this.#configure(Config.cmd, [BIND]);
    this.#configure(Config.mode, [0, 0, 0xff, 0xff, COPY_PACKET, 0]);
    this.#configure(Config.nlbufsiz, [0, 1, 0, 0]);
    this.#configure(Config.qthresh, [0, 0, 0, 1]);
  }

  /** What has been logged since. Never waits. */
  take(): Logged[] {
    const found: Logged[] = [];
    const b = this.#memory.bytes;
    for (;;) {
      const n = recvfrom(this.#fd, this.#memory.base, b.length, 0, 0, 0);
      if (n < 0) {
        if (lastErrno() === ENOBUFS) throw new Error('the packet log has lost packets');
        return found;
      }
      const view = new DataView(b.buffer, 0, n);
      for (let at = 0; at + 16 <= n; at += (view.getUint32(at, true) + 3) & ~3) {
        const length = view.getUint32(at, true);
        if (view.getUint16(at + 4, true) === PACKET) found.push(loggedOf(new DataView(b.buffer.slice(at + 16, at + length))));
      }
    }
  }
  /** Waits until there is something, at most so long. */
  wait(ms: number): void {
    this.#readable.wait(ms);
  }
  close(): void {
    close(this.#fd);
  }

  #configure(type: number, value: readonly number[]): void {
    const length = 20 + 4 + value.length;
    const b = this.#memory.bytes;
    b.fill(0, 0, 64);
    const view = new DataView(b.buffer);
    view.setUint32(0, (length + 3) & ~3, true);
    view.setUint16(4, CONFIG, true);
    view.setUint16(6, REQUEST_AND_ACK, true);
    view.setUint8(16, AF_INET);
    view.setUint16(20, 4 + value.length, true);
    view.setUint16(22, type, true);
    b.set(value, 24);
    check(sendto(this.#fd, this.#memory.base, (length + 3) & ~3, 0, 0, 0), 'netlink send', 'packet log');
    for (;;) {
      const n = recvfrom(this.#fd, this.#memory.base, b.length, 0, 0, 0);
      if (n < 0 && lastErrno() === EAGAIN) {
        this.#readable.wait(1000);
        continue;
      }
      check(n, 'netlink receive', 'packet log');
      if (view.getUint16(4, true) !== NLMSG_ERROR) continue;
      const errno = -view.getInt32(16, true);
      if (errno !== 0) throw new Error(`packet log: attribute ${type}: errno ${errno}`);
      return;
    }
  }
}

function loggedOf(body: DataView): Logged {
  const a = attributes(body, NFGENMSG);
  const word = (type: number): number => a.get(type)?.getUint32(0) ?? 0;
  const payload = a.get(Nfula.payload);
  const prefix = a.get(Nfula.prefix);
  return {
    hook: a.get(Nfula.header)!.getUint8(2),
    bytes: payload ? new Uint8Array(payload.buffer.slice(payload.byteOffset, payload.byteOffset + payload.byteLength)) : new Uint8Array(),
    mark: word(Nfula.mark),
    iif: word(Nfula.inDevice),
    oif: word(Nfula.outDevice),
    prefix: prefix ? Buffer.from(prefix.buffer, prefix.byteOffset, prefix.byteLength).toString().replace(/\0.*/s, '') : '',
  };
}

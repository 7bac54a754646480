/**
 * The kernel's connections asked for one by one (ctnetlink, `include/uapi/linux/netfilter/nfnetlink_conntrack.h`): a list of all of them
 * walks a table of a quarter of a million places, a question costs microseconds.
 *
 *     nlmsghdr (16 bytes)  nfgenmsg (4 bytes: family, version, resource id)  attributes, nested; numbers inside in network order
 */
import type { EntryView, TupleView } from '../../src/conntrack/text/view.ts';
import { check, EAGAIN } from '../../src/os/errno.ts';
import { AF_INET, AF_NETLINK, close, lastErrno, recvfrom, SOCK_RAW, sendto } from '../../src/os/libc.ts';
import { arena } from '../../src/os/memory.ts';
import { attributes } from '../../src/os/netlink.ts';
import { PollSet } from '../../src/os/poll-set.ts';
import { openSocket } from '../../src/os/socket.ts';

const NETLINK_NETFILTER = 12;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const NLMSG_ERROR = 2;
const CTNETLINK = 1 << 8;
const Message = { get: CTNETLINK | 1, delete: CTNETLINK | 2, statistics: CTNETLINK | 5 } as const;
const Cta = {
  tupleOrig: 1,
  tupleReply: 2,
  status: 3,
  protoinfo: 4,
  timeout: 7,
  mark: 8,
  countersOrig: 9,
  countersReply: 10,
  id: 12,
  zone: 18,
} as const;
const CtaTuple = { ip: 1, proto: 2, zone: 3 } as const;
const CtaIp = { src: 1, dst: 2 } as const;
const CtaProto = { number: 1, srcPort: 2, dstPort: 3, icmpId: 4, icmpType: 5, icmpCode: 6 } as const;
const NESTED = 0x8000;
const ICMP = 1;
const TCP = 6;
const HEADER = 20;
const ANSWER_MS = 1000;

export class Ctnetlink {
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

  /**
   * The entry that has this tuple in either direction; undefined when there is none.
   * @param ports as in `TupleView`
   */
  find(tuple: TupleView, protocol: number, zone: number): EntryView | undefined {
    this.#begin(Message.get);
    const whole = this.#open(Cta.tupleOrig);
    const addresses = this.#open(CtaTuple.ip);
    this.#put32(CtaIp.src, tuple.src);
    this.#put32(CtaIp.dst, tuple.dst);
    this.#close(addresses);
    const proto = this.#open(CtaTuple.proto);
    this.#put8(CtaProto.number, protocol);
    if (protocol === ICMP) {
      this.#put16(CtaProto.icmpId, tuple.ports >>> 16);
      this.#put8(CtaProto.icmpType, (tuple.ports >>> 8) & 0xff);
      this.#put8(CtaProto.icmpCode, tuple.ports & 0xff);
    } else {
      this.#put16(CtaProto.srcPort, tuple.ports >>> 16);
      this.#put16(CtaProto.dstPort, tuple.ports & 0xffff);
    }
    this.#close(proto);
    this.#close(whole);
    if (zone !== 0) this.#put16(Cta.zone, zone);
    const body = this.#ask();
    return body && entryOf(body, protocol);
  }

  /** How many there are, those included that have expired and were not looked at since. */
  count(): number {
    this.#begin(Message.statistics);
    const body = this.#ask();
    return body ? attributes(body, 4).get(1)!.getUint32(0) : 0;
  }

  /** Deletes them all. */
  flush(): void {
    this.#begin(Message.delete);
    this.#ask();
  }

  close(): void {
    close(this.#fd);
  }

  #begin(type: number): void {
    this.#view.setUint16(4, type, true);
    this.#view.setUint16(6, NLM_F_REQUEST | NLM_F_ACK, true);
    this.#view.setUint32(8, ++this.#sequence, true);
    this.#view.setUint32(16, type === Message.statistics ? 0 : AF_INET, true);
    this.#end = HEADER;
  }
  #open(type: number): number {
    const at = this.#end;
    this.#view.setUint16(at + 2, type | NESTED, true);
    this.#end += 4;
    return at;
  }
  #close(at: number): void {
    this.#view.setUint16(at, this.#end - at, true);
  }
  #header(type: number, length: number): number {
    const at = this.#end;
    this.#view.setUint16(at, 4 + length, true);
    this.#view.setUint16(at + 2, type, true);
    this.#view.setUint32(at + 4, 0);
    this.#end += 8;
    return at + 4;
  }
  #put8(type: number, v: number): void {
    this.#view.setUint8(this.#header(type, 1), v);
  }
  #put16(type: number, v: number): void {
    this.#view.setUint16(this.#header(type, 2), v);
  }
  #put32(type: number, v: number): void {
    this.#view.setUint32(this.#header(type, 4), v);
  }

  /** Sends, and waits for what is asked and the acknowledgement. @returns what follows the message's header; undefined for an error */
  #ask(): DataView | undefined {
    this.#view.setUint32(0, this.#end, true);
    check(sendto(this.#fd, this.#request.base, this.#end, 0, 0, 0), 'netlink send', 'ctnetlink');
    let answer: DataView | undefined;
    for (;;) {
      const n = recvfrom(this.#fd, this.#answer.base, this.#answer.bytes.length, 0, 0, 0);
      if (n < 0) {
        if (lastErrno() !== EAGAIN || this.#readable.wait(ANSWER_MS) === 0) check(n, 'netlink receive', 'ctnetlink');
        continue;
      }
      const view = new DataView(this.#answer.bytes.buffer, 0, n);
      for (let at = 0; at + 16 <= n; at += (view.getUint32(at, true) + 3) & ~3) {
        if (view.getUint32(at + 8, true) !== this.#sequence) continue;
        if (view.getUint16(at + 4, true) === NLMSG_ERROR) return answer;
        const length = view.getUint32(at, true);
        answer = new DataView(this.#answer.bytes.buffer.slice(at + 16, at + length));
      }
    }
  }
}

function entryOf(body: DataView, protocol: number): EntryView {
  const a = attributes(body, 4);
  const word = (type: number): number => a.get(type)?.getUint32(0) ?? 0;
  const zones = [a.get(Cta.tupleOrig)!, a.get(Cta.tupleReply)!].map(t => attributes(t, 0).get(CtaTuple.zone)?.getUint16(0) ?? 0);
  const both = a.get(Cta.zone)?.getUint16(0) ?? 0;
  const tcp = protocol === TCP ? attributes(a.get(Cta.protoinfo)!, 0).get(1) : undefined;
  const counted = [a.get(Cta.countersOrig), a.get(Cta.countersReply)].map(c => c && attributes(c, 0));
  const counter = (dir: number, type: number): number => Number(counted[dir]!.get(type)!.getBigUint64(0));
  return {
    protocol,
    original: tupleOf(a.get(Cta.tupleOrig)!, protocol),
    reply: tupleOf(a.get(Cta.tupleReply)!, protocol),
    status: word(Cta.status),
    state: tcp ? attributes(tcp, 0).get(1)!.getUint8(0) : 0,
    mark: word(Cta.mark),
    zone: both || zones[0]! || zones[1]!,
    zoneDirections: both ? 3 : zones[0]! ? 1 : zones[1]! ? 2 : 0,
    secondsLeft: word(Cta.timeout),
    id: word(Cta.id),
    ...(counted[0] && counted[1]
      ? { counters: { packets: [counter(0, 1), counter(1, 1)], bytes: [counter(0, 2), counter(1, 2)] } satisfies EntryView['counters'] }
      : {}),
  };
}

function tupleOf(nested: DataView, protocol: number): TupleView {
  const tuple = attributes(nested, 0);
  const addresses = attributes(tuple.get(CtaTuple.ip)!, 0);
  const proto = attributes(tuple.get(CtaTuple.proto)!, 0);
  const half = (type: number): number => proto.get(type)?.getUint16(0) ?? 0;
  const byte = (type: number): number => proto.get(type)?.getUint8(0) ?? 0;
  return {
    src: addresses.get(CtaIp.src)!.getInt32(0),
    dst: addresses.get(CtaIp.dst)!.getInt32(0),
    ports:
      protocol === ICMP
        ? (half(CtaProto.icmpId) << 16) | (byte(CtaProto.icmpType) << 8) | byte(CtaProto.icmpCode)
        : (half(CtaProto.srcPort) << 16) | half(CtaProto.dstPort),
  };
}

/**
 * The kernel's connections asked for one by one (ctnetlink, `include/uapi/linux/netfilter/nfnetlink_conntrack.h`): a list of all of them
 * walks a table of a quarter of a million places, a question costs microseconds.
 */
import type { EntryView, TupleView } from '../../src/conntrack/text/view.ts';
import { AF_INET } from '../../src/os/libc.ts';
import { attributes } from '../../src/os/netlink.ts';
import { Nfnetlink } from '../../src/os/nfnetlink.ts';

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
const ICMP = 1;
const TCP = 6;

export class Ctnetlink {
  readonly #socket = new Nfnetlink();

  /**
   * The entry that has this tuple in either direction; undefined when there is none.
   * @param ports as in `TupleView`
   */
  find(tuple: TupleView, protocol: number, zone: number): EntryView | undefined {
    const socket = this.#socket;
    socket.begin(Message.get, AF_INET);
    const whole = socket.open(Cta.tupleOrig);
    const addresses = socket.open(CtaTuple.ip);
    socket.put32(CtaIp.src, tuple.src);
    socket.put32(CtaIp.dst, tuple.dst);
    socket.shut(addresses);
    const proto = socket.open(CtaTuple.proto);
    socket.put8(CtaProto.number, protocol);
    if (protocol === ICMP) {
      socket.put16(CtaProto.icmpId, tuple.ports >>> 16);
      socket.put8(CtaProto.icmpType, (tuple.ports >>> 8) & 0xff);
      socket.put8(CtaProto.icmpCode, tuple.ports & 0xff);
    } else {
      socket.put16(CtaProto.srcPort, tuple.ports >>> 16);
      socket.put16(CtaProto.dstPort, tuple.ports & 0xffff);
    }
    socket.shut(proto);
    socket.shut(whole);
    if (zone !== 0) socket.put16(Cta.zone, zone);
    const { answer } = socket.ask();
    return answer && entryOf(answer, protocol);
  }

  /** How many there are, those included that have expired and were not looked at since. */
  count(): number {
    this.#socket.begin(Message.statistics, 0);
    const { answer } = this.#socket.ask();
    return answer ? attributes(answer, 4).get(1)!.getUint32(0) : 0;
  }

  /** Deletes them all. */
  flush(): void {
    this.#socket.begin(Message.delete, AF_INET);
    this.#socket.ask();
  }

  close(): void {
    this.#socket.close();
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

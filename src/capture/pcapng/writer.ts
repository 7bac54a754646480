/**
 * pcapng, written as a stream: blocks are put together in one buffer and given to the sink when it is full and on `flush`, so that a
 * pipe into Wireshark works and a long capture takes no memory. Little endian, nanoseconds.
 */
import { formatMac } from '../../base/address.ts';
import {
  BlockType,
  BYTE_ORDER_MAGIC,
  Comment,
  type Direction,
  directionFlag,
  EndOfOptions,
  InterfaceOption,
  LinkType,
  NameRecord,
  PacketOption,
  type PacketVerdict,
  pad4,
  type Reception,
  receptionFlag,
  SectionOption,
  StatisticsOption,
  TcVerdict,
  VerdictType,
} from './format.ts';

/** Takes bytes and has finished with them when it returns. */
export type Sink = (bytes: Uint8Array) => void;

export interface SectionInfo {
  /** Words for people: CPU, kernel, program. */
  hardware?: string;
  os?: string;
  application?: string;
  comment?: string;
}

export interface InterfaceInfo {
  /** The hop: `node1/eth0`. */
  name: string;
  description?: string;
  /** A value of `LinkType`, Ethernet without it. */
  linkType?: number;
  /** 0 = no limit. */
  snapLength?: number;
  speedBps?: number;
  mac?: Uint8Array;
  hardware?: string;
  os?: string;
}

export interface PacketInfo {
  interfaceId: number;
  /** Since 1970. */
  timeNs: bigint;
  /** Only `bytes[start, end)` was captured. */
  bytes: Uint8Array;
  start?: number;
  end?: number;
  /** On the wire; the captured length without it. */
  originalLength?: number;
  direction?: Direction | undefined;
  reception?: Reception | undefined;
  /** The same in every block of one packet: 64 bits. */
  packetId?: number | bigint | undefined;
  queue?: number | undefined;
  verdict?: PacketVerdict | undefined;
  /** Frames lost by this interface between the last packet and this one. */
  dropCount?: number | undefined;
  comments?: readonly string[] | undefined;
}

export interface InterfaceStatistics {
  timeNs: bigint;
  startNs?: bigint;
  endNs?: bigint;
  received?: number;
  /** Lost for want of room in the kernel. */
  dropped?: number;
  /** Lost on the way to the file. */
  osDropped?: number;
  delivered?: number;
}

const CHUNK = 256 * 1024;
const text = new TextEncoder();
/** An option's length is 16 bits. */
const MAX_OPTION = 0xffff;

export class PcapngWriter {
  readonly #sink: Sink;
  #bytes = new Uint8Array(CHUNK);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;
  #blockAt = 0;
  #interfaces = 0;

  /** Writes the section header at once. */
  constructor(sink: Sink, section: SectionInfo = {}) {
    this.#sink = sink;
    this.#begin(BlockType.SectionHeader);
    this.#u32(BYTE_ORDER_MAGIC);
    this.#u16(1);
    this.#u16(0);
    this.#u64(0xffff_ffff_ffff_ffffn); // length of the section: not known, it is a stream
    this.#textOption(Comment, section.comment);
    this.#textOption(SectionOption.Hardware, section.hardware);
    this.#textOption(SectionOption.Os, section.os);
    this.#textOption(SectionOption.Application, section.application);
    this.#end();
  }

  /** @returns the id that packets of this interface name, counted from 0. May come at any time before the first of them. */
  addInterface(info: InterfaceInfo): number {
    this.#begin(BlockType.InterfaceDescription);
    this.#u16(info.linkType ?? LinkType.Ethernet);
    this.#u16(0);
    this.#u32(info.snapLength ?? 0);
    this.#textOption(InterfaceOption.Name, info.name);
    this.#textOption(InterfaceOption.Description, info.description ?? (info.mac && `MAC ${formatMac(info.mac)}`));
    if (info.mac) this.#bytesOption(InterfaceOption.Mac, info.mac);
    if (info.speedBps !== undefined) this.#u64Option(InterfaceOption.Speed, BigInt(info.speedBps));
    this.#bytesOption(InterfaceOption.Tsresol, Uint8Array.of(9));
    this.#textOption(InterfaceOption.Os, info.os);
    this.#textOption(InterfaceOption.Hardware, info.hardware);
    this.#end();
    return this.#interfaces++;
  }

  packet(p: PacketInfo): void {
    const start = p.start ?? 0;
    const end = p.end ?? p.bytes.length;
    this.#begin(BlockType.EnhancedPacket, end - start);
    this.#u32(p.interfaceId);
    this.#time(p.timeNs);
    this.#u32(end - start);
    this.#u32(p.originalLength ?? end - start);
    this.#raw(p.bytes, start, end);
    for (const comment of p.comments ?? []) this.#textOption(Comment, comment);
    const flags = (p.direction ? directionFlag[p.direction] : 0) | (p.reception ? receptionFlag[p.reception] : 0);
    if (flags !== 0) this.#u32Option(PacketOption.Flags, flags);
    if (p.dropCount) this.#u64Option(PacketOption.DropCount, BigInt(p.dropCount));
    if (p.packetId !== undefined) this.#u64Option(PacketOption.PacketId, BigInt(p.packetId));
    if (p.queue !== undefined) this.#u32Option(PacketOption.Queue, p.queue);
    if (p.verdict) this.#verdictOption(p.verdict);
    this.#end();
  }

  /** What an interface counted; by custom at the end of the file. */
  statistics(interfaceId: number, s: InterfaceStatistics): void {
    this.#begin(BlockType.InterfaceStatistics);
    this.#u32(interfaceId);
    this.#time(s.timeNs);
    if (s.startNs !== undefined) this.#timeOption(StatisticsOption.StartTime, s.startNs);
    if (s.endNs !== undefined) this.#timeOption(StatisticsOption.EndTime, s.endNs);
    if (s.received !== undefined) this.#u64Option(StatisticsOption.Received, BigInt(s.received));
    if (s.dropped !== undefined) this.#u64Option(StatisticsOption.Dropped, BigInt(s.dropped));
    if (s.osDropped !== undefined) this.#u64Option(StatisticsOption.OsDropped, BigInt(s.osDropped));
    if (s.delivered !== undefined) this.#u64Option(StatisticsOption.Delivered, BigInt(s.delivered));
    this.#end();
  }

  /** Names of IPv4 addresses (int32): what Wireshark shows in their place when name resolution is on. */
  names(names: ReadonlyMap<number, readonly string[]>): void {
    this.#begin(BlockType.NameResolution);
    for (const [address, list] of names) {
      const words = text.encode(list.map(name => `${name}\0`).join(''));
      this.#u16(NameRecord.Ipv4);
      this.#u16(4 + words.length);
      this.#room(4 + pad4(words.length));
      this.#view.setInt32(this.#at, address); // network order
      this.#at += 4;
      this.#raw(words, 0, words.length);
    }
    this.#u16(NameRecord.End);
    this.#u16(0);
    this.#end();
  }

  /** Give everything to the sink. */
  flush(): void {
    if (this.#at === 0) return;
    const full = this.#bytes.subarray(0, this.#at);
    this.#at = 0;
    this.#sink(full);
  }

  #begin(type: number, payload = 0): void {
    // Whole blocks only: who reads the pipe while we write never waits inside a block for long.
    if (this.#at + payload + 256 > CHUNK) this.flush();
    this.#blockAt = this.#at;
    this.#u32(type);
    this.#u32(0);
  }
  #end(): void {
    this.#u16(EndOfOptions);
    this.#u16(0);
    const length = this.#at + 4 - this.#blockAt;
    this.#u32(length);
    this.#view.setUint32(this.#blockAt + 4, length, true);
  }
  #room(n: number): void {
    if (this.#at + n <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + n));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
  #u16(v: number): void {
    this.#room(2);
    this.#view.setUint16(this.#at, v, true);
    this.#at += 2;
  }
  #u32(v: number): void {
    this.#room(4);
    this.#view.setUint32(this.#at, v, true);
    this.#at += 4;
  }
  #u64(v: bigint): void {
    this.#room(8);
    this.#view.setBigUint64(this.#at, v, true);
    this.#at += 8;
  }
  /** Upper half first, whatever the byte order. */
  #time(ns: bigint): void {
    this.#u32(Number(ns >> 32n));
    this.#u32(Number(ns & 0xffff_ffffn));
  }
  #raw(b: Uint8Array, start: number, end: number): void {
    const n = end - start;
    this.#room(pad4(n));
    this.#bytes.set(start === 0 && end === b.length ? b : b.subarray(start, end), this.#at);
    this.#bytes.fill(0, this.#at + n, this.#at + pad4(n));
    this.#at += pad4(n);
  }
  #bytesOption(code: number, value: Uint8Array): void {
    this.#u16(code);
    this.#u16(value.length);
    this.#raw(value, 0, value.length);
  }
  #textOption(code: number, value: string | undefined): void {
    if (value === undefined || value === '') return;
    const bytes = text.encode(value);
    let n = Math.min(bytes.length, MAX_OPTION);
    while (n < bytes.length && (bytes[n]! & 0xc0) === 0x80) n--; // not in the middle of a character
    this.#bytesOption(code, bytes.subarray(0, n));
  }
  #u32Option(code: number, v: number): void {
    this.#u16(code);
    this.#u16(4);
    this.#u32(v);
  }
  #u64Option(code: number, v: bigint): void {
    this.#u16(code);
    this.#u16(8);
    this.#u64(v);
  }
  #timeOption(code: number, ns: bigint): void {
    this.#u16(code);
    this.#u16(8);
    this.#time(ns);
  }
  #verdictOption(verdict: PacketVerdict): void {
    const value = new Uint8Array(9);
    value[0] = VerdictType.LinuxEbpfTc;
    new DataView(value.buffer).setBigUint64(1, BigInt(TcVerdict[verdict]), true);
    this.#bytesOption(PacketOption.Verdict, value);
  }
}

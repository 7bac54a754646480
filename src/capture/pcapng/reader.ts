/**
 * pcapng and classic pcap, both byte orders, read from memory: what `walk --pcap`, the journey and the tests look at. Blocks and
 * options that are not known are passed over. A file that was cut off in its last block gives what is whole before it.
 */
import { readFileSync } from 'node:fs';
import { LabError } from '../../base/errors.ts';
import {
  BlockType,
  BYTE_ORDER_MAGIC,
  Comment,
  type Direction,
  EndOfOptions,
  InterfaceOption,
  NameRecord,
  PacketOption,
  type PacketVerdict,
  PCAP_MAGIC_NS,
  PCAP_MAGIC_US,
  pad4,
  SectionOption,
  StatisticsOption,
  TcVerdict,
  VerdictType,
} from './format.ts';

export interface ReadInterface {
  name: string;
  description: string;
  linkType: number;
  snapLength: number;
  hardware: string;
  mac: Uint8Array | undefined;
  speedBps: number | undefined;
  /** Ticks of a timestamp per second. */
  ticksPerSecond: bigint;
  statistics: { received?: number; dropped?: number; osDropped?: number; delivered?: number } | undefined;
}

export interface ReadPacket {
  /** Index into `interfaces`. */
  interfaceId: number;
  /** Since 1970. */
  timeNs: bigint;
  bytes: Uint8Array;
  originalLength: number;
  direction: Direction | undefined;
  packetId: bigint | undefined;
  verdict: PacketVerdict | undefined;
  comments: string[];
}

export interface CaptureFile {
  format: 'pcapng' | 'pcap';
  section: { hardware: string; os: string; application: string };
  interfaces: ReadInterface[];
  packets: ReadPacket[];
  /** IPv4 address (int32) to names. */
  names: Map<number, string[]>;
  /** The last block is cut off: the writer is still at work or was killed. */
  truncated: boolean;
}

/** @throws LabError BAD_INPUT when it is no capture; the errors of `readFileSync` when there is no file. */
export const readCaptureFile = (path: string): CaptureFile => readCapture(readFileSync(path), path);

/** @param name for messages. @throws LabError BAD_INPUT */
export function readCapture(bytes: Uint8Array, name = 'capture'): CaptureFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 4) {
    if (view.getUint32(0) === BlockType.SectionHeader) return new PcapngReader(bytes, view, name).read();
    for (const little of [true, false]) {
      const magic = view.getUint32(0, little);
      if (magic === PCAP_MAGIC_US || magic === PCAP_MAGIC_NS) return readPcap(bytes, view, little, magic === PCAP_MAGIC_NS, name);
    }
  }
  throw new LabError(
    'BAD_INPUT',
    `${name}: neither pcapng nor pcap: the first bytes are ${Buffer.from(bytes.subarray(0, 4)).toString('hex') || 'missing'}`,
  );
}

const emptyFile = (format: CaptureFile['format']): CaptureFile => ({
  format,
  section: { hardware: '', os: '', application: '' },
  interfaces: [],
  packets: [],
  names: new Map(),
  truncated: false,
});

//  pcap: 0 magic, 4 version, 8 zone, 12 accuracy, 16 snapLength, 20 linkType; record: 0 s, 4 us or ns, 8 captured, 12 original, 16 bytes
function readPcap(bytes: Uint8Array, view: DataView, little: boolean, nanoseconds: boolean, name: string): CaptureFile {
  if (bytes.length < 24) throw new LabError('BAD_INPUT', `${name}: the pcap header has ${bytes.length} of 24 bytes`);
  const file = emptyFile('pcap');
  file.interfaces.push({
    name: '',
    description: '',
    linkType: view.getUint32(20, little) & 0xffff,
    snapLength: view.getUint32(16, little),
    hardware: '',
    mac: undefined,
    speedBps: undefined,
    ticksPerSecond: nanoseconds ? 1_000_000_000n : 1_000_000n,
    statistics: undefined,
  });
  let at = 24;
  while (at < bytes.length) {
    const captured = at + 16 <= bytes.length ? view.getUint32(at + 8, little) : 0;
    if (at + 16 + captured > bytes.length) {
      file.truncated = true;
      break;
    }
    const fraction = BigInt(view.getUint32(at + 4, little));
    file.packets.push({
      interfaceId: 0,
      timeNs: BigInt(view.getUint32(at, little)) * 1_000_000_000n + (nanoseconds ? fraction : fraction * 1000n),
      bytes: bytes.subarray(at + 16, at + 16 + captured),
      originalLength: view.getUint32(at + 12, little),
      direction: undefined,
      packetId: undefined,
      verdict: undefined,
      comments: [],
    });
    at += 16 + captured;
  }
  return file;
}

const text = new TextDecoder();
const directions: readonly (Direction | undefined)[] = [undefined, 'in', 'out', undefined];

class PcapngReader {
  readonly #file = emptyFile('pcapng');
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #name: string;
  #little = true;
  /** Interface ids count anew in each section. */
  #firstInterface = 0;

  constructor(bytes: Uint8Array, view: DataView, name: string) {
    this.#bytes = bytes;
    this.#view = view;
    this.#name = name;
  }

  read(): CaptureFile {
    let at = 0;
    while (at < this.#bytes.length) {
      if (at + 12 > this.#bytes.length) {
        this.#file.truncated = true;
        break;
      }
      if (this.#view.getUint32(at) === BlockType.SectionHeader) this.#little = this.#view.getUint32(at + 8, true) === BYTE_ORDER_MAGIC;
      const length = this.#u32(at + 4);
      if (length < 12 || length % 4 !== 0) throw this.#bad(at, `block length ${length}`);
      if (at + length > this.#bytes.length) {
        this.#file.truncated = true;
        break;
      }
      if (this.#u32(at + length - 4) !== length)
        throw this.#bad(at, `block length ${length} at its start, ${this.#u32(at + length - 4)} at its end`);
      this.#block(this.#u32(at), at + 8, at + length - 4);
      at += length;
    }
    return this.#file;
  }

  #block(type: number, at: number, end: number): void {
    if (type === BlockType.SectionHeader) this.#section(at, end);
    else if (type === BlockType.InterfaceDescription) this.#interface(at, end);
    else if (type === BlockType.EnhancedPacket) this.#packet(at, end);
    else if (type === BlockType.SimplePacket) this.#simplePacket(at, end);
    else if (type === BlockType.InterfaceStatistics) this.#statistics(at, end);
    else if (type === BlockType.NameResolution) this.#names(at, end);
  }

  #section(at: number, end: number): void {
    this.#need(at, end, 16, 'section header');
    this.#firstInterface = this.#file.interfaces.length;
    const section = this.#file.section;
    this.#options(at + 16, end, (code, from, to) => {
      if (code === SectionOption.Hardware) section.hardware = this.#text(from, to);
      else if (code === SectionOption.Os) section.os = this.#text(from, to);
      else if (code === SectionOption.Application) section.application = this.#text(from, to);
    });
  }

  #interface(at: number, end: number): void {
    this.#need(at, end, 8, 'interface description');
    const i: ReadInterface = {
      name: '',
      description: '',
      linkType: this.#u16(at),
      snapLength: this.#u32(at + 4),
      hardware: '',
      mac: undefined,
      speedBps: undefined,
      ticksPerSecond: 1_000_000n,
      statistics: undefined,
    };
    this.#options(at + 8, end, (code, from, to) => {
      if (code === InterfaceOption.Name) i.name = this.#text(from, to);
      else if (code === InterfaceOption.Description) i.description = this.#text(from, to);
      else if (code === InterfaceOption.Hardware) i.hardware = this.#text(from, to);
      else if (code === InterfaceOption.Mac && to - from === 6) i.mac = this.#bytes.slice(from, to);
      else if (code === InterfaceOption.Speed && to - from === 8) i.speedBps = Number(this.#u64(from));
      else if (code === InterfaceOption.Tsresol && to > from) {
        const resolution = this.#bytes[from]!;
        i.ticksPerSecond = resolution & 0x80 ? 1n << BigInt(resolution & 0x7f) : 10n ** BigInt(resolution);
      }
    });
    this.#file.interfaces.push(i);
  }

  #packet(at: number, end: number): void {
    this.#need(at, end, 20, 'enhanced packet');
    const interfaceId = this.#firstInterface + this.#u32(at);
    const i = this.#file.interfaces[interfaceId];
    const captured = this.#u32(at + 12);
    if (!i) throw this.#bad(at, `packet of interface ${interfaceId}, which is not described`);
    if (at + 20 + pad4(captured) > end) throw this.#bad(at, `packet of ${captured} bytes in a block of ${end - at}`);
    const p: ReadPacket = {
      interfaceId,
      timeNs: (this.#time(at + 4) * 1_000_000_000n) / i.ticksPerSecond,
      bytes: this.#bytes.subarray(at + 20, at + 20 + captured),
      originalLength: this.#u32(at + 16),
      direction: undefined,
      packetId: undefined,
      verdict: undefined,
      comments: [],
    };
    this.#options(at + 20 + pad4(captured), end, (code, from, to) => {
      if (code === Comment) p.comments.push(this.#text(from, to));
      else if (code === PacketOption.Flags && to - from === 4) p.direction = directions[this.#u32(from) & 3];
      else if (code === PacketOption.PacketId && to - from === 8) p.packetId = this.#u64(from);
      else if (code === PacketOption.Verdict && to - from === 9 && this.#bytes[from] === VerdictType.LinuxEbpfTc) {
        const tc = Number(this.#u64(from + 1));
        p.verdict = (Object.keys(TcVerdict) as PacketVerdict[]).find(word => TcVerdict[word] === tc);
      }
    });
    this.#file.packets.push(p);
  }

  #simplePacket(at: number, end: number): void {
    this.#need(at, end, 4, 'simple packet');
    const i = this.#file.interfaces[this.#firstInterface];
    if (!i) throw this.#bad(at, 'packet of interface 0, which is not described');
    const originalLength = this.#u32(at);
    const captured = Math.min(originalLength, end - at - 4, i.snapLength || Number.POSITIVE_INFINITY);
    const bytes = this.#bytes.subarray(at + 4, at + 4 + captured);
    const unknown = { direction: undefined, packetId: undefined, verdict: undefined };
    this.#file.packets.push({ interfaceId: this.#firstInterface, timeNs: 0n, bytes, originalLength, ...unknown, comments: [] });
  }

  #statistics(at: number, end: number): void {
    this.#need(at, end, 12, 'interface statistics');
    const i = this.#file.interfaces[this.#firstInterface + this.#u32(at)];
    if (!i) throw this.#bad(at, `statistics of interface ${this.#u32(at)}, which is not described`);
    const s: NonNullable<ReadInterface['statistics']> = {};
    this.#options(at + 12, end, (code, from, to) => {
      if (to - from !== 8) return;
      if (code === StatisticsOption.Received) s.received = Number(this.#u64(from));
      else if (code === StatisticsOption.Dropped) s.dropped = Number(this.#u64(from));
      else if (code === StatisticsOption.OsDropped) s.osDropped = Number(this.#u64(from));
      else if (code === StatisticsOption.Delivered) s.delivered = Number(this.#u64(from));
    });
    i.statistics = s;
  }

  #names(start: number, end: number): void {
    let at = start;
    while (at + 4 <= end) {
      const type = this.#u16(at);
      const length = this.#u16(at + 2);
      if (type === NameRecord.End || at + 4 + length > end) return;
      if (type === NameRecord.Ipv4 && length > 4) {
        const names = this.#text(at + 8, at + 4 + length)
          .split('\0')
          .filter(name => name !== '');
        this.#file.names.set(this.#view.getInt32(at + 4), names);
      }
      at += 4 + pad4(length);
    }
  }

  #options(start: number, end: number, visit: (code: number, from: number, to: number) => void): void {
    let at = start;
    while (at + 4 <= end) {
      const code = this.#u16(at);
      const length = this.#u16(at + 2);
      if (code === EndOfOptions || at + 4 + length > end) return;
      visit(code, at + 4, at + 4 + length);
      at += 4 + pad4(length);
    }
  }

  #need(at: number, end: number, length: number, what: string): void {
    if (end - at < length) throw this.#bad(at, `${what} block with ${end - at} bytes, needs ${length}`);
  }
  #bad(at: number, what: string): LabError {
    return new LabError('BAD_INPUT', `${this.#name}: not valid pcapng at byte ${at}: ${what}`);
  }
  #u16(at: number): number {
    return this.#view.getUint16(at, this.#little);
  }
  #u32(at: number): number {
    return this.#view.getUint32(at, this.#little);
  }
  #u64(at: number): bigint {
    return this.#view.getBigUint64(at, this.#little);
  }
  #time(at: number): bigint {
    return (BigInt(this.#u32(at)) << 32n) | BigInt(this.#u32(at + 4));
  }
  #text(from: number, to: number): string {
    return text.decode(this.#bytes.subarray(from, to));
  }
}

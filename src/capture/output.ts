/** Where a capture goes: one file per hop, or all hops in one stream. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { hopFileName } from './captured-frame.ts';
import { LinkType } from './pcapng/format.ts';
import { asEthernet } from './pcapng/link-layer.ts';
import { type InterfaceInfo, type InterfaceStatistics, type PacketInfo, PcapngWriter, type SectionInfo } from './pcapng/writer.ts';

export interface CaptureOutput {
  /** @returns the number that `packet` and `statistics` name. */
  addHop(info: InterfaceInfo): number;
  /** The bytes are copied before it returns. */
  packet(hop: number, p: Omit<PacketInfo, 'interfaceId'>): void;
  statistics(hop: number, s: InterfaceStatistics): void;
  /** Of IPv4 addresses (int32); once, when all hops are there. */
  names(names: ReadonlyMap<number, readonly string[]>): void;
  /** Everything whose turn has come goes to the file. @param final nothing more will come */
  flush(final: boolean): void;
  close(): void;
}

/** A file for each hop in `folder`, which is made: `hops/node1_eth0.pcapng`. */
export class HopFiles implements CaptureOutput {
  readonly #folder: string;
  readonly #section: SectionInfo;
  readonly #files: { fd: number; writer: PcapngWriter }[] = [];

  constructor(folder: string, section: SectionInfo) {
    this.#folder = folder;
    this.#section = section;
    mkdirSync(folder, { recursive: true });
  }
  addHop(info: InterfaceInfo): number {
    const fd = openSync(join(this.#folder, hopFileName(info.name)), 'w');
    const writer = new PcapngWriter(bytes => writeAll(fd, bytes), this.#section);
    writer.addInterface(info);
    return this.#files.push({ fd, writer }) - 1;
  }
  packet(hop: number, p: Omit<PacketInfo, 'interfaceId'>): void {
    this.#files[hop]!.writer.packet({ ...p, interfaceId: 0 });
  }
  statistics(hop: number, s: InterfaceStatistics): void {
    this.#files[hop]!.writer.statistics(0, s);
  }
  names(names: ReadonlyMap<number, readonly string[]>): void {
    for (const { writer } of this.#files) writer.names(names);
  }
  flush(): void {
    for (const { writer } of this.#files) writer.flush();
  }
  close(): void {
    this.flush();
    for (const { fd } of this.#files.splice(0)) closeSync(fd);
  }
}

/** Hops are read one after the other: a frame waits so long for an older one of another hop, in ns of its own time. */
const HOLD_NS = 40_000_000n;

/** All hops in one file or pipe, sorted by time. */
export class MergedStream implements CaptureOutput {
  readonly #fd: number;
  readonly #owned: boolean;
  readonly #writer: PcapngWriter;
  readonly #clockNs: () => bigint;
  #waiting: PacketInfo[] = [];
  /** By hop. */
  readonly #linkTypes: number[] = [];

  /** @param to a path, or a descriptor that stays open, as of a pipe @param clockNs real time, since 1970 */
  constructor(to: string | number, section: SectionInfo, clockNs: () => bigint = () => BigInt(Date.now()) * 1_000_000n) {
    this.#owned = typeof to === 'string';
    this.#fd = typeof to === 'string' ? openSync(to, 'w') : to;
    this.#clockNs = clockNs;
    this.#writer = new PcapngWriter(bytes => writeAll(this.#fd, bytes), section);
  }
  addHop(info: InterfaceInfo): number {
    this.#linkTypes.push(info.linkType ?? LinkType.Ethernet);
    return this.#writer.addInterface({ ...info, linkType: LinkType.Ethernet });
  }
  packet(hop: number, p: Omit<PacketInfo, 'interfaceId'>): void {
    const start = p.start ?? 0;
    const end = p.end ?? p.bytes.length;
    const bytes = Uint8Array.from(asEthernet(this.#linkTypes[hop]!, p.bytes, start, end));
    const originalLength = (p.originalLength ?? end - start) + bytes.length - (end - start);
    this.#waiting.push({ ...p, interfaceId: hop, bytes, start: 0, end: bytes.length, originalLength });
  }
  statistics(hop: number, s: InterfaceStatistics): void {
    this.#writer.statistics(hop, s);
  }
  names(names: ReadonlyMap<number, readonly string[]>): void {
    this.#writer.names(names);
  }
  flush(final: boolean): void {
    // One hop's frames come in their order: nothing is waited for.
    const until = final || this.#linkTypes.length === 1 ? undefined : this.#clockNs() - HOLD_NS;
    this.#waiting.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0));
    let n = 0;
    while (n < this.#waiting.length && (until === undefined || this.#waiting[n]!.timeNs <= until)) this.#writer.packet(this.#waiting[n++]!);
    this.#waiting.splice(0, n);
    this.#writer.flush();
  }
  close(): void {
    this.flush(true);
    if (this.#owned) closeSync(this.#fd);
  }
}

const pause = new Int32Array(new SharedArrayBuffer(4));

/** All of it, also into a pipe that is full for a moment. @throws EPIPE when the reader has gone. */
function writeAll(fd: number, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 5);
    }
  }
}

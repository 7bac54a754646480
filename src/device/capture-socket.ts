/**
 * A packet socket that only listens, in both directions: a hop of a capture. TPACKET_V3 (Documentation/networking/packet_mmap.rst):
 * the kernel packs frames of any length into blocks and hands over a block when it is full or `retireMs` old, so a segment of
 * 64 KiB takes no more room than it has bytes and the listener wakes once for many frames.
 *
 * What another socket sends past the queueing discipline (PACKET_QDISC_BYPASS) passes by here unseen, tried on 6.18: a router that is to
 * be captured sends without that option.
 *
 *     block     0 version  4 offset to private  8 status  12 packets  16 offset of the first  ...
 *     frame     0 next  4 sec  8 nsec  12 captured  16 length  20 status  24 mac (16)  26 net (16)  32 tci  36 tpid (16)  48 sockaddr_ll
 */
import { check } from '../os/errno.ts';
import { InterfaceControl } from '../os/interface.ts';
import { AF_PACKET, bindSocket, close, getsockopt, SOCK_RAW } from '../os/libc.ts';
import { arena, type Mapping, mapShared } from '../os/memory.ts';
import { openSocket, setIntOption, setOption } from '../os/socket.ts';
import * as option from './packet-option.ts';

const PACKET_RX_RING = 5;
const TPACKET_V3 = 2;
const STATUS_USER = 1;
const STATUS_VLAN_VALID = 0x10;
const STATUS_VLAN_TPID_VALID = 0x40;
const TPID_8021Q = 0x8100;
const SLL_PKTTYPE = 48 + 10;
/** A frame of 64 KiB fits. A block is handed over after `retireMs`, however little is in it: 8 MiB of these last for half a second of few frames. */
const BLOCK = 1 << 17;

export interface CaptureSocketOptions {
  /** Room for frames that wait to be read, in bytes; rounded up to 128 KiB. Default 8 MiB. */
  ringBytes?: number;
  /** A frame waits for so long at most until it can be read. The longer, the longer nobody has to read before the ring is full. Default 8. */
  retireMs?: number;
  /** Also what is for others: a bridge then shows every frame that crosses it. A veth shows everything as it is. Default false. */
  promiscuous?: boolean;
}

/** One frame where it stands in the ring: gone when the visit is over. One object is used for all. */
export class SeenFrame {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** On the wire, larger than `end - start` when it was cut. */
  length = 0;
  /** Real time of arrival in the kernel. */
  seconds = 0;
  nanoseconds = 0;
  /** `PacketType`: Outgoing when the interface sent it. */
  type = 0;
  /** The VLAN tag that the kernel took out of the frame: TPID in the upper half, TCI in the lower; 0 = none. */
  vlan = 0;
}

export class CaptureSocket {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** `veth`; '' when unknown. */
  readonly driver: string;
  readonly speedMbps: number | undefined;
  readonly fd: number;
  /** Frames seen, and frames there was no room for. Frames that were read are `received - dropped`, after `statistics`. */
  received = 0;
  dropped = 0;
  read = 0;

  readonly #memory: Mapping;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #blocks: number;
  readonly #frame = new SeenFrame();
  readonly #statistics = arena(16); // struct tpacket_stats_v3: 0 packets, 4 drops, 8 freezes; at 12 the length for getsockopt
  readonly #statisticsWords = new Uint32Array(this.#statistics.bytes.buffer);
  #next = 0;
  #open = true;

  /** On interface `name` of this thread's network namespace. @throws LabError DEVICE, NETNS_EPERM, OS */
  constructor(name: string, options: CaptureSocketOptions = {}) {
    this.name = name;
    this.#blocks = Math.max(2, Math.ceil((options.ringBytes ?? 8 << 20) / BLOCK));
    const control = new InterfaceControl();
    let fd = -1;
    let memory: Mapping | undefined;
    try {
      this.ifindex = control.ifindex(name);
      this.mac = control.mac(name);
      this.mtu = control.mtu(name);
      this.driver = control.driver(name);
      this.speedMbps = control.speedMbps(name);
      fd = openSocket(AF_PACKET, SOCK_RAW, 0, `AF_PACKET for "${name}"`);
      setIntOption(fd, option.SOL_PACKET, option.PACKET_VERSION, TPACKET_V3, 'PACKET_VERSION', name);
      const request = arena(28); // struct tpacket_req3
      new Uint32Array(request.bytes.buffer).set([BLOCK, this.#blocks, 2048, (BLOCK / 2048) * this.#blocks, options.retireMs ?? 8, 0, 0]);
      setOption(fd, option.SOL_PACKET, PACKET_RX_RING, request, `PACKET_RX_RING of ${(BLOCK * this.#blocks) >> 10} KiB`, name);
      memory = mapShared(fd, BLOCK * this.#blocks, `capture ring of "${name}"`);
      if (options.promiscuous) joinPromiscuous(fd, name, this.ifindex);
      bindTo(fd, name, this.ifindex); // from here on frames arrive, and the ring stands
    } catch (error) {
      memory?.close();
      if (fd >= 0) close(fd);
      throw error;
    } finally {
      control.close();
    }
    this.fd = fd;
    this.#memory = memory;
    this.#words = new Int32Array(memory.bytes.buffer);
    this.#halves = new Uint16Array(memory.bytes.buffer);
    this.#frame.bytes = memory.bytes;
  }

  /** Visit every frame that can be read now. @returns how many. */
  drain(visit: (frame: SeenFrame) => void): number {
    let n = 0;
    while (this.#open) {
      const block = this.#next * BLOCK;
      // An ordered load: frames must not be read before the status that announces them.
      if ((Atomics.load(this.#words, (block + 8) >>> 2) & STATUS_USER) === 0) break;
      n += this.#visitBlock(block, visit);
      Atomics.store(this.#words, (block + 8) >>> 2, 0);
      this.#next = this.#next + 1 === this.#blocks ? 0 : this.#next + 1;
    }
    this.read += n;
    return n;
  }

  #visitBlock(block: number, visit: (frame: SeenFrame) => void): number {
    const w = this.#words;
    const f = this.#frame;
    const packets = w[(block + 12) >>> 2]!;
    let at = block + w[(block + 16) >>> 2]!;
    for (let i = 0; i < packets; i++) {
      const word = at >>> 2;
      const status = w[word + 5]!;
      f.seconds = w[word + 1]! >>> 0;
      f.nanoseconds = w[word + 2]! >>> 0;
      f.length = w[word + 4]! >>> 0;
      f.start = at + this.#halves[(at + 24) >>> 1]!;
      f.end = f.start + (w[word + 3]! >>> 0);
      f.type = f.bytes[at + SLL_PKTTYPE]!;
      f.vlan = 0;
      if ((status & STATUS_VLAN_VALID) !== 0) {
        const tpid = (status & STATUS_VLAN_TPID_VALID) !== 0 ? this.#halves[(at + 36) >>> 1]! : TPID_8021Q;
        f.vlan = ((tpid << 16) | (w[word + 8]! & 0xffff)) >>> 0;
      }
      visit(f);
      at += w[word]! >>> 0;
    }
    return packets;
  }

  /** Ask the kernel for its counters: brings `received` and `dropped` up to date. */
  statistics(): void {
    const w = this.#statisticsWords;
    w[3] = 12;
    const base = this.#statistics.base;
    // The kernel counts from zero after each reading.
    if (!this.#open || getsockopt(this.fd, option.SOL_PACKET, option.PACKET_STATISTICS, base, base + 12) < 0) return;
    this.received += w[0]!;
    this.dropped += w[1]!;
  }

  /** Frames that the kernel has taken for us and that nobody has read yet, as of the last `statistics`. */
  get waiting(): number {
    return this.received - this.dropped - this.read;
  }

  close(): void {
    if (!this.#open) return;
    this.statistics();
    this.#open = false;
    this.#memory.close();
    close(this.fd);
  }
}

/** struct packet_mreq: 0 ifindex (int32), 4 type (16), 6 length (16), 8 address (8). */
function joinPromiscuous(fd: number, name: string, ifindex: number): void {
  const request = arena(16);
  const view = new DataView(request.bytes.buffer);
  view.setInt32(0, ifindex, true);
  view.setUint16(4, option.PACKET_MR_PROMISC, true);
  setOption(fd, option.SOL_PACKET, option.PACKET_ADD_MEMBERSHIP, request, 'PACKET_ADD_MEMBERSHIP promiscuous', name);
}

/** struct sockaddr_ll: 0 family (16), 2 protocol (16, network order), 4 ifindex (int32), 8 the rest. */
function bindTo(fd: number, name: string, ifindex: number): void {
  const address = arena(20);
  const view = new DataView(address.bytes.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, option.ETH_P_ALL, false);
  view.setInt32(4, ifindex, true);
  check(bindSocket(fd, address.base, 20), 'bind AF_PACKET', `"${name}"`, 'DEVICE');
}

/**
 * Packet socket (packet(7)): an interface that the router owns. Frames stand in the receive ring and are sent from there, so that no
 * byte is copied in user space.
 *
 * The socket gets a copy of each frame; the kernel takes the frame as well, answers ARP and resets connections. `silence.ts` stops that.
 *
 * With `offload` the virtio-net header is spoken (PACKET_VNET_HDR): segments up to 64 KiB pass whole and checksums may be unfinished. Without
 * it a frame that the sender left unfinished is marked all the same (`csumStart`), and a segment larger than a slot is counted as dropped:
 * turn the sender's offloads off, or `offload` on.
 */
import type { LabError } from '../base/errors.ts';
import { check } from '../os/errno.ts';
import { InterfaceControl } from '../os/interface.ts';
import { AF_PACKET, bindSocket, close, getsockopt, SOCK_RAW } from '../os/libc.ts';
import { arena, type Region, region } from '../os/memory.ts';
import { openSocket, setIntOption, setOption, takeError } from '../os/socket.ts';
import { Gso, type Packet } from '../packet/packet.ts';
import { finishChecksum } from '../packet/partial-checksum.ts';
import type { Device, DeviceCounters } from './device.ts';
import { LargeFrames } from './large-frames.ts';
import { LinkState } from './link-state.ts';
import { findPartialChecksum, kernelCutsUdp, readVnetHeader, VNET_HDR_LEN } from './offload.ts';
import * as option from './packet-option.ts';
import { RESERVE, RxRing, ringShape, Status } from './rx-ring.ts';
import { SendQueue } from './send-queue.ts';
import { TransmitQueue } from './transmit-queue.ts';
import { XdpQueue } from './xdp-queue.ts';

export interface PacketSocketOptions {
  /** Speak the virtio-net header. Default false. */
  offload?: boolean;
  /** Receive slots, at least. Default 4096 of what the MTU needs (8 MiB with an MTU of 1500); 510 of 66 KiB (34 MiB) where segments must have room in the ring. */
  frames?: number;
  /** The largest frame that a slot holds. Default: what the MTU needs, at least 1600; a segment of 64 KiB where it must. */
  frameSize?: number;
  /** Frames to one `sendmmsg`. Default 256. */
  sendBatch?: number;
  /**
   * Past the interface's queueing discipline (PACKET_QDISC_BYPASS, and AF_XDP where this user may have it): faster, no back-pressure, and who captures there does not see what is sent.
   * Default false.
   */
  qdiscBypass?: boolean;
  /** See frames for other MACs too, as `PacketType.OtherHost`. Default false. */
  promiscuous?: boolean;
  /** Where segments are kept that have no room in the ring. Default: memory of its own. */
  memory?: (size: number) => Region;
}

const LARGEST_SEGMENT = 65535 + 18;
/** Segments that are borrowed at once: few, so that they are still in the cache when they are sent. */
const LARGE = 16;
const VLAN_TAG_LEN = 4;
const TPID_8021Q = 0x8100;
/** One in so many empty receives looks for the socket's pending error: a level-triggered POLLERR brings the loop back until it is taken. */
const LOOK_EVERY = 8;

export class PacketSocket implements Device {
  readonly kind = 'packet';
  readonly name: string;
  readonly ifindex: number;
  readonly mac: Uint8Array;
  readonly fd: number;
  readonly offload: boolean;
  readonly udpSegments: boolean;
  mtu: number;

  readonly #control = new InterfaceControl();
  readonly #link: LinkState;
  readonly #ring: RxRing;
  readonly #large: LargeFrames | null;
  readonly #queue: TransmitQueue;
  readonly #counters: DeviceCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, rxDropped: 0, txDropped: 0 };
  readonly #statistics = arena(16); // struct tpacket_stats: 0 packets, 4 drops; at 8 the length for getsockopt
  readonly #statisticsWords = new Uint32Array(this.#statistics.bytes.buffer);
  #idle = 0;
  #open = true;

  /** On interface `name` of this thread's network namespace. @throws LabError DEVICE, NETNS_EPERM, OS */
  constructor(name: string, options: PacketSocketOptions = {}) {
    this.name = name;
    this.offload = options.offload ?? false;
    this.udpSegments = this.offload && kernelCutsUdp();
    let fd = -1;
    let ring: RxRing | undefined;
    let large: LargeFrames | null = null;
    try {
      this.ifindex = this.#control.ifindex(name);
      this.mac = this.#control.mac(name);
      this.mtu = this.#control.mtu(name);
      // Protocol 0: nothing arrives before everything is set and `bind` names the interface.
      fd = openSocket(AF_PACKET, SOCK_RAW, 0, `AF_PACKET for "${name}"`);
      const set = (number: number, value: number, words: string) => setIntOption(fd, option.SOL_PACKET, number, value, words, name);
      set(option.PACKET_VERSION, option.TPACKET_V2, 'PACKET_VERSION');
      if (this.offload) set(option.PACKET_VNET_HDR, 1, 'PACKET_VNET_HDR');
      set(option.PACKET_RESERVE, RESERVE, 'PACKET_RESERVE');
      set(option.PACKET_IGNORE_OUTGOING, 1, 'PACKET_IGNORE_OUTGOING');
      if (options.qdiscBypass) set(option.PACKET_QDISC_BYPASS, 1, 'PACKET_QDISC_BYPASS');
      if (this.offload && options.frameSize === undefined)
        large = LargeFrames.open(fd, name, LARGE, LARGEST_SEGMENT, options.memory ?? region);
      const whole = this.offload && large === null;
      const largest = options.frameSize ?? (whole ? LARGEST_SEGMENT : Math.max(1600, this.mtu + 18));
      ring = new RxRing(fd, name, ringShape(largest, options.frames ?? (whole ? 510 : 4096)));
      if (options.promiscuous) joinPromiscuous(fd, name, this.ifindex);
      bindTo(fd, name, this.ifindex);
    } catch (error) {
      ring?.close();
      if (fd >= 0) close(fd);
      this.#control.close();
      throw error;
    }
    this.fd = fd;
    this.#ring = ring;
    this.#large = large;
    this.#link = new LinkState(this.#control, this.ifindex, name);
    const xdp = options.qdiscBypass ? XdpQueue.open(this.ifindex, name, this.#counters) : null;
    this.#queue = new TransmitQueue(new SendQueue(fd, this.offload, options.sendBatch ?? 256, this.#counters), xdp, this.mtu);
  }

  get failure(): LabError | undefined {
    return this.#link.failure;
  }

  /** `rxDropped` includes what the kernel found no slot for, as of now. */
  get counters(): DeviceCounters {
    if (this.#open) this.#takeStatistics();
    return this.#counters;
  }

  /** Slots of the receive ring. */
  get frames(): number {
    return this.#ring.frames;
  }

  /** Finished frames go by an AF_XDP socket. */
  get xdp(): boolean {
    return this.#queue.xdp;
  }

  receive(batch: readonly Packet[]): number {
    if (!this.#open || (this.#link.failure !== undefined && !this.#recovered())) return 0;
    const ring = this.#ring;
    let n = 0;
    let losing = 0;
    while (n < batch.length && this.#large?.full !== true) {
      const slot = ring.take();
      if (slot < 0) break;
      const status = ring.status(slot);
      losing |= status & Status.Losing;
      if (this.#take(batch[n]!, slot, status)) n++;
      else if (n === 0 && ring.held === 1) ring.release();
    }
    if (losing !== 0) this.#takeStatistics();
    if (n > 0) this.#idle = 0;
    else if (++this.#idle % LOOK_EVERY === 0) this.#look();
    return n;
  }

  /** Fill `p` from the slot, or with the copy that the slot is about. @returns false when the frame was cut because neither had room for it. */
  #take(p: Packet, slot: number, status: number): boolean {
    const ring = this.#ring;
    const length = ring.captured(slot);
    if (length < ring.length(slot)) {
      if ((status & Status.Copy) === 0) {
        this.#counters.rxDropped++;
        return false;
      }
      if (!this.#borrowCopy(p, this.#large!)) return false;
    } else {
      const start = ring.frame(slot);
      p.borrow(ring.memory, ring.floor(slot), start, start + length, slot + ring.frameSize);
    }
    p.type = ring.packetType(slot);
    if (this.offload) readVnetHeader(p, p.bytes, p.start - VNET_HDR_LEN, p.start);
    if ((status & Status.VlanValid) !== 0) {
      insertVlanTag(p, (status & Status.VlanTpidValid) !== 0 ? ring.vlanTpid(slot) : TPID_8021Q, ring.vlanTci(slot));
    }
    if (!this.offload) {
      if ((status & Status.CsumNotReady) !== 0) findPartialChecksum(p);
      p.csumValid = (status & Status.CsumValid) !== 0;
    }
    this.#counters.rxPackets++;
    this.#counters.rxBytes += p.end - p.start;
    return true;
  }

  #borrowCopy(p: Packet, large: LargeFrames): boolean {
    const { slot } = large;
    const start = large.frame(slot);
    const length = large.take();
    if (large.errno !== 0) this.#link.lost('packet socket', large.errno);
    if (length < 0) {
      this.#counters.rxDropped++;
      return false;
    }
    p.borrow(large.memory, slot, start, start + length, slot + large.slotLen);
    return true;
  }

  release(): void {
    if (!this.#open) return;
    this.#ring.release();
    this.#large?.release();
  }

  transmit(p: Packet): boolean {
    // A segment cannot be told to the kernel without the virtio-net header, and memory without an address cannot be read by it.
    if (!this.#open || !this.#link.usable() || p.base === 0 || (p.gsoType !== Gso.None && !this.offload)) {
      this.#counters.txDropped++;
      return false;
    }
    if (!this.offload) finishChecksum(p);
    while (!this.#queue.add(p)) this.flush();
    return true;
  }

  flush(): void {
    if (this.#queue.size === 0) return;
    const errno = this.#queue.flush();
    if (errno !== 0) this.#link.lost('transmit', errno);
  }

  close(): void {
    if (!this.#open) return;
    this.#takeStatistics();
    this.#open = false;
    this.#queue.close();
    this.#ring.close();
    close(this.fd);
    this.#control.close();
  }

  /** The kernel leaves ENETDOWN on the socket when the interface goes down or away. */
  #look(): void {
    const errno = takeError(this.fd);
    if (errno !== 0) this.#link.lost('packet socket', errno);
  }

  #recovered(): boolean {
    takeError(this.fd); // else poll goes on saying POLLERR
    return this.#link.recovered();
  }

  /** The kernel counts from zero after each reading. */
  #takeStatistics(): void {
    const w = this.#statisticsWords;
    w[2] = 8;
    const base = this.#statistics.base;
    if (getsockopt(this.fd, option.SOL_PACKET, option.PACKET_STATISTICS, base, base + 8) === 0) this.#counters.rxDropped += w[1]!;
  }
}

/** Put the tag back that the kernel took out on the way up: the addresses move four bytes to the front. */
function insertVlanTag(p: Packet, tpid: number, tci: number): void {
  const b = p.bytes;
  const start = p.start - VLAN_TAG_LEN;
  b.copyWithin(start, p.start, p.start + 12);
  b[start + 12] = tpid >> 8;
  b[start + 13] = tpid;
  b[start + 14] = tci >> 8;
  b[start + 15] = tci;
  p.start = start;
  p.l3 = start;
  p.l4 = start;
  if (p.hdrLen !== 0) p.hdrLen += VLAN_TAG_LEN;
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

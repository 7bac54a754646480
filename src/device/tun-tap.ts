/**
 * /dev/net/tun: the kernel's end is an interface, this end a descriptor, one frame per `read` and `write`
 * (Documentation/networking/tuntap.rst). `tap.ts` and `tun.ts` open it; the interface vanishes with the descriptor.
 *
 * Each receive slot of the arena, with `H` bytes of headroom for an encapsulation:
 *
 *     0 ........ H - 10         H                        H + largest frame
 *     | headroom  | vnet header | frame                   | tailroom |
 */
import type { LabError } from '../base/errors.ts';
import { check, EACCES, EAGAIN, EINTR, ENETDOWN, ENODEV, ENOENT, ENXIO, EPERM, osError } from '../os/errno.ts';
import { EventFd } from '../os/event-fd.ts';
import { InterfaceControl, setInterfaceName } from '../os/interface.ts';
import { close, dup2, ioctl, lastErrno, O_CLOEXEC, O_NONBLOCK, O_RDWR, open, read, write, writev } from '../os/libc.ts';
import { arena, type Region, region, setAddress } from '../os/memory.ts';
import { LinkStatistics } from '../os/rtnetlink.ts';
import type { Packet } from '../packet/packet.ts';
import { finishChecksum } from '../packet/partial-checksum.ts';
import type { Device, DeviceCounters } from './device.ts';
import { LinkState } from './link-state.ts';
import { kernelCutsUdp, readVnetHeader, VNET_HDR_LEN, writeVnetHeader } from './offload.ts';
import { packetType } from './packet-type.ts';

const PATH = '/dev/net/tun';
const TUNSETIFF = 0x400454ca;
const TUNSETOFFLOAD = 0x400454d0;
const IFF_TUN = 0x0001;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
// TUN_F_*: the kernel may leave checksums and segmentation to this end.
const F_CSUM = 0x01;
const F_TSO4 = 0x02;
const F_TSO_ECN = 0x08;
const F_USO = 0x20 | 0x40; // both families or none, since 6.2

const IFREQ_LEN = 40;
const HEADROOM = 256;
const TAILROOM = 64;
/** `read` says nothing when the interface is set down (`write` says EIO): one in so many empty receives looks at its flags. */
const LOOK_EVERY = 16;
/** A segment has an IPv4 packet's 65535 bytes at most; then Ethernet with a VLAN tag. */
const LARGEST_SEGMENT = 65535 + 18;

export interface TunTapOptions {
  /** 1 to 15 bytes; `tap%d` lets the kernel number it. */
  name: string;
  mtu?: number;
  /** Set the interface up. Default true. */
  up?: boolean;
  /** Speak the virtio-net header: segments up to 64 KiB and unfinished checksums, both ways. Default false. */
  offload?: boolean;
  /** Receive slots, the most that are borrowed at once. Default 64. */
  slots?: number;
  /** The largest frame without offload; longer ones are counted as dropped. Default 9216. */
  frameSize?: number;
  /** Where the slots are. Default: memory of its own. */
  memory?: (size: number) => Region;
}

export class TunTap implements Device {
  readonly kind: 'tap' | 'tun';
  readonly name: string;
  readonly ifindex: number;
  readonly mac = new Uint8Array(6);
  readonly fd: number;
  readonly offload: boolean;
  readonly udpSegments: boolean;
  readonly #counters: DeviceCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, rxDropped: 0, txDropped: 0 };
  mtu: number;

  readonly #control: InterfaceControl;
  readonly #link: LinkState;
  readonly #arena: Region;
  readonly #slots: number;
  readonly #slotLen: number;
  readonly #vnetLen: number;
  readonly #smallest: number;
  /** For a frame without room for the vnet header in front of it: the header and two iovecs. */
  readonly #scatter = arena(16 + 32);
  readonly #iov: Uint32Array;
  readonly #statistics: LinkStatistics;
  #queueDrops = 0;
  #idle = 0;
  #next = 0;
  #held = 0;
  #open = true;
  #quiet: EventFd | undefined;

  /** @throws LabError TUN_MISSING, DEVICE */
  constructor(kind: 'tap' | 'tun', options: TunTapOptions, kernelMac: Uint8Array | undefined) {
    this.kind = kind;
    this.offload = options.offload ?? false;
    this.udpSegments = this.offload && kernelCutsUdp();
    this.#vnetLen = this.offload ? VNET_HDR_LEN : 0;
    this.#smallest = kind === 'tap' ? 14 : 1;
    this.#slots = options.slots ?? 64;
    this.#slotLen = align(HEADROOM + (this.offload ? LARGEST_SEGMENT : (options.frameSize ?? 9216)) + 1 + TAILROOM, 64);
    this.#arena = (options.memory ?? region)(this.#slots * this.#slotLen);
    this.#iov = new Uint32Array(this.#scatter.bytes.buffer, 16);
    setAddress(this.#iov, 0, this.#scatter.base);
    this.#iov[2] = VNET_HDR_LEN;
    this.fd = openTunTap(kind);
    this.#control = new InterfaceControl();
    try {
      this.name = attach(this.fd, kind, options.name, this.offload);
      if (this.offload) setOffload(this.fd, this.name);
      if (kernelMac) this.#control.setMac(this.name, kernelMac);
      if (options.mtu !== undefined) this.#control.setMtu(this.name, options.mtu);
      if (options.up ?? true) this.#control.setUp(this.name, true);
      this.mtu = this.#control.mtu(this.name);
      this.ifindex = this.#control.ifindex(this.name);
    } catch (error) {
      close(this.fd);
      this.#control.close();
      throw error;
    }
    this.#statistics = new LinkStatistics(this.ifindex);
    this.#link = new LinkState(this.#control, this.ifindex, this.name);
  }

  get failure(): LabError | undefined {
    return this.#link.failure;
  }

  /** `rxDropped` includes what the interface's queue (`txqueuelen`) had no room for, as of now: a question to the kernel, not for every packet. */
  get counters(): DeviceCounters {
    if (this.#open) {
      const lost = this.#statistics.txDropped() ?? this.#queueDrops;
      this.#counters.rxDropped += lost - this.#queueDrops;
      this.#queueDrops = lost;
    }
    return this.#counters;
  }

  /** The address of the kernel's end of a TAP. @throws LabError DEVICE */
  kernelMac(): Uint8Array {
    return this.#control.mac(this.name);
  }

  receive(batch: readonly Packet[]): number {
    if (!this.#open || (this.#link.failure !== undefined && !this.#link.recovered())) return 0;
    const room = this.#slotLen - HEADROOM + this.#vnetLen - TAILROOM;
    const most = this.#slotLen - HEADROOM - TAILROOM;
    let n = 0;
    while (n < batch.length && this.#held < this.#slots) {
      const slot = this.#arena.at + this.#next * this.#slotLen;
      const start = slot + HEADROOM;
      const got = read(this.fd, this.#arena.base + start - this.#vnetLen, room);
      if (got < 0) {
        this.#readFailed(lastErrno());
        break;
      }
      const length = got - this.#vnetLen;
      // A frame that fills the slot to the last byte was longer than it may be: `read` cuts it without a word.
      if (length < this.#smallest || length === most) {
        this.#counters.rxDropped++;
        continue;
      }
      const p = batch[n++]!;
      p.borrow(this.#arena, slot, start, start + length, slot + this.#slotLen);
      if (this.#vnetLen !== 0) readVnetHeader(p, this.#arena.bytes, start - this.#vnetLen, start);
      if (this.kind === 'tap') p.type = packetType(this.#arena.bytes, start, this.mac);
      this.#counters.rxPackets++;
      this.#counters.rxBytes += length;
      this.#held++;
      this.#next = this.#next + 1 === this.#slots ? 0 : this.#next + 1;
    }
    if (n > 0) this.#idle = 0;
    else if (++this.#idle % LOOK_EVERY === 0) this.#lost('read', ENETDOWN);
    return n;
  }

  #readFailed(errno: number): void {
    if (errno === EAGAIN || errno === EINTR) return;
    if (!this.#lost('read', errno)) this.#counters.rxDropped++;
  }

  /**
   * A descriptor whose interface was deleted says POLLERR for ever, and a loop that waits for it would never sleep again: something that is
   * never ready takes its number.
   */
  #lost(call: string, errno: number): boolean {
    if (!this.#link.lost(call, errno)) return false;
    if (this.#link.deleted && !this.#quiet) {
      this.#quiet = new EventFd();
      dup2(this.#quiet.fd, this.fd);
    }
    return true;
  }

  release(): void {
    this.#held = 0;
  }

  transmit(p: Packet): boolean {
    if (!this.#open || !this.#link.usable() || p.base === 0) return this.#refuse();
    const length = p.end - p.start;
    let sent: number;
    if (this.#vnetLen === 0) {
      if (p.gsoType !== 0) return this.#refuse(); // a segment larger than the MTU needs the virtio-net header
      finishChecksum(p);
      sent = write(this.fd, p.base + p.start, length);
    } else if (p.start - p.floor >= VNET_HDR_LEN) {
      writeVnetHeader(p, p.bytes, p.start - VNET_HDR_LEN);
      sent = write(this.fd, p.base + p.start - VNET_HDR_LEN, length + VNET_HDR_LEN);
    } else {
      writeVnetHeader(p, this.#scatter.bytes, 0);
      setAddress(this.#iov, 4, p.base + p.start);
      this.#iov[6] = length;
      sent = writev(this.fd, this.#scatter.base + 16, 2);
    }
    if (sent < 0) {
      this.#lost('write', lastErrno());
      return this.#refuse();
    }
    this.#counters.txPackets++;
    this.#counters.txBytes += length;
    return true;
  }

  #refuse(): false {
    this.#counters.txDropped++;
    return false;
  }

  /** Nothing waits: `transmit` writes at once. */
  flush(): void {}

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    close(this.fd);
    this.#quiet?.close();
    this.#statistics.close();
    this.#control.close();
  }
}

const align = (n: number, to: number): number => Math.ceil(n / to) * to;

function openTunTap(kind: string): number {
  const fd = open(PATH, O_RDWR | O_NONBLOCK | O_CLOEXEC, 0);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  const missing = errno === ENOENT || errno === ENODEV || errno === ENXIO || errno === EACCES || errno === EPERM;
  throw osError(`open ${kind}`, PATH, errno, missing ? 'TUN_MISSING' : 'DEVICE');
}

/** @returns the name the kernel gave it. */
function attach(fd: number, kind: 'tap' | 'tun', name: string, offload: boolean): string {
  const request = arena(IFREQ_LEN);
  setInterfaceName(request.bytes, name);
  const flags = (kind === 'tap' ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (offload ? IFF_VNET_HDR : 0);
  request.bytes[16] = flags;
  request.bytes[17] = flags >> 8;
  check(ioctl(fd, TUNSETIFF, request.base), `ioctl TUNSETIFF ${kind}`, `"${name}"`, 'DEVICE');
  return Buffer.from(request.bytes.subarray(0, request.bytes.indexOf(0))).toString();
}

function setOffload(fd: number, name: string): void {
  const features = F_CSUM | F_TSO4 | F_TSO_ECN;
  if (ioctl(fd, TUNSETOFFLOAD, features | F_USO) === 0) return;
  check(ioctl(fd, TUNSETOFFLOAD, features), 'ioctl TUNSETOFFLOAD', `"${name}"`, 'DEVICE');
}

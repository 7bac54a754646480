/**
 * Two ends of a wire without a kernel, for tests: what one end transmits and flushes, the other receives. Frames keep their offload fields,
 * as between two interfaces of one machine. The same rules as for a real device: a frame that is not flushed does not arrive, a slot that is not released is not
 * used again, a full wire drops and counts.
 */
import { LabError } from '../base/errors.ts';
import { type Memory, plainMemory } from '../packet/memory.ts';
import { Packet } from '../packet/packet.ts';
import { finishChecksum } from '../packet/partial-checksum.ts';
import type { Device, DeviceCounters } from './device.ts';
import { packetType } from './packet-type.ts';

export interface MemoryDeviceOptions {
  /** Default true. */
  offload?: boolean;
  /** Default false. */
  udpSegments?: boolean;
  name?: string;
  ifindex?: number;
  mac?: Uint8Array;
  mtu?: number;
}

export interface MemoryPairOptions {
  /** Frames that wait at one end at most, borrowed ones included. Default 256. */
  slots?: number;
  /** Largest frame. Default 2048; 65553 for segments. */
  frameSize?: number;
  /** Free bytes before each frame. Default 128. */
  headroom?: number;
  /** The wire carries bare IP packets, as a TUN does. Default false. */
  bare?: boolean;
}

const TAILROOM = 64;

export class MemoryDevice implements Device {
  readonly kind = 'memory';
  readonly fd = -1;
  readonly offload: boolean;
  readonly udpSegments: boolean;
  readonly name: string;
  readonly ifindex: number;
  readonly mac: Uint8Array;
  mtu: number;
  readonly counters: DeviceCounters = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0, rxDropped: 0, txDropped: 0 };
  failure: LabError | undefined;
  /** Set by `memoryPair`. */
  peer!: MemoryDevice;

  // Frames on the way to this end: [tail, tail + held) are borrowed, the next `waiting` can be received, the next `noted` are not flushed yet.
  readonly #memory: Memory;
  readonly #slots: Packet[];
  readonly #slotLen: number;
  readonly #frameSize: number;
  readonly #headroom: number;
  readonly #bare: boolean;
  #tail = 0;
  #held = 0;
  #waiting = 0;
  #noted = 0;

  constructor(options: MemoryDeviceOptions, shape: Required<MemoryPairOptions>, number: number) {
    this.name = options.name ?? `mem${number}`;
    this.ifindex = options.ifindex ?? number;
    this.mac = options.mac ?? (shape.bare ? new Uint8Array(6) : Uint8Array.of(2, 0, 0, 0, 0, number));
    this.mtu = options.mtu ?? 1500;
    this.offload = options.offload ?? true;
    this.udpSegments = options.udpSegments ?? false;
    this.#frameSize = shape.frameSize;
    this.#headroom = shape.headroom;
    this.#bare = shape.bare;
    this.#slotLen = shape.headroom + shape.frameSize + TAILROOM;
    this.#memory = plainMemory(shape.slots * this.#slotLen);
    this.#slots = Array.from({ length: shape.slots }, () => new Packet());
  }

  receive(batch: readonly Packet[]): number {
    if (this.failure) return 0;
    let n = 0;
    for (; n < batch.length && this.#waiting > 0; n++) {
      const slot = (this.#tail + this.#held) % this.#slots.length;
      const from = this.#slots[slot]!;
      const p = batch[n]!;
      const at = slot * this.#slotLen;
      p.borrow(this.#memory, at, from.start, from.end, at + this.#slotLen);
      copyOffload(from, p, from.csumStart);
      if (!this.#bare) p.type = packetType(this.#memory.bytes, from.start, this.mac);
      this.counters.rxPackets++;
      this.counters.rxBytes += from.end - from.start;
      this.#held++;
      this.#waiting--;
    }
    return n;
  }

  release(): void {
    this.#tail = (this.#tail + this.#held) % this.#slots.length;
    this.#held = 0;
  }

  transmit(p: Packet): boolean {
    if (!this.offload) finishChecksum(p);
    if (!this.failure && this.peer.#note(p)) return true;
    this.counters.txDropped++;
    return false;
  }

  #note(p: Packet): boolean {
    const used = this.#held + this.#waiting + this.#noted;
    const length = p.end - p.start;
    if (used === this.#slots.length || length > this.#frameSize) return false;
    const slot = (this.#tail + used) % this.#slots.length;
    const start = slot * this.#slotLen + this.#headroom;
    const bytes = this.#memory.bytes;
    for (let i = 0; i < length; i++) bytes[start + i] = p.bytes[p.start + i]!;
    const to = this.#slots[slot]!;
    to.start = start;
    to.end = start + length;
    copyOffload(p, to, p.csumStart === 0 ? 0 : start + p.csumStart - p.start);
    this.#noted++;
    return true;
  }

  flush(): void {
    const peer = this.peer;
    let at = peer.#tail + peer.#held + peer.#waiting;
    for (; peer.#noted > 0; peer.#noted--, at++) {
      const p = peer.#slots[at % peer.#slots.length]!;
      this.counters.txPackets++;
      this.counters.txBytes += p.end - p.start;
      peer.#waiting++;
    }
  }

  close(): void {
    this.fail(new LabError('DEVICE_GONE', `"${this.name}": closed`));
  }

  /** Take this end away, as when an interface is deleted. */
  fail(error: LabError = new LabError('DEVICE_GONE', `"${this.name}": interface was deleted`)): void {
    this.failure ??= error;
  }

  /** For tests: send one frame to the other end. Allocates. @returns false when it was not taken. */
  send(frame: Uint8Array): boolean {
    const p = new Packet();
    p.borrow({ bytes: frame, base: 0 }, 0, 0, frame.length, frame.length);
    const taken = this.transmit(p);
    this.flush();
    return taken;
  }

  /** For tests: copies of all frames that wait at this end. Allocates. */
  take(): Uint8Array[] {
    const batch = Array.from({ length: this.#waiting }, () => new Packet());
    const n = this.receive(batch);
    const frames = batch.slice(0, n).map(p => p.bytes.slice(p.start, p.end));
    this.release();
    return frames;
  }
}

function copyOffload(from: Packet, to: Packet, csumStart: number): void {
  to.csumStart = csumStart;
  to.csumOffset = from.csumOffset;
  to.csumValid = from.csumValid;
  to.gsoType = from.gsoType;
  to.gsoSize = from.gsoSize;
  to.hdrLen = from.hdrLen;
}

/** A wire. */
export function memoryPair(
  a: MemoryDeviceOptions = {},
  b: MemoryDeviceOptions = {},
  options: MemoryPairOptions = {},
): [MemoryDevice, MemoryDevice] {
  const shape = { slots: 256, frameSize: 2048, headroom: 128, bare: false, ...options };
  const first = new MemoryDevice(a, shape, 1);
  const second = new MemoryDevice(b, shape, 2);
  first.peer = second;
  second.peer = first;
  return [first, second];
}

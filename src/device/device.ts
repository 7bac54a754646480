/**
 * What the router asks of a device. TAP, TUN, packet socket and the memory pair of the tests all answer to it; the router imports
 * nothing else of this folder.
 *
 * Life of a frame: `receive` fills packets that point into the device's own memory (no copy); the router rewrites them there and
 * calls `transmit` on another device, which only notes where the bytes are (or writes at once, TAP and TUN); `flush` gives the noted
 * frames to the kernel; `release` gives the receive slots back. A router therefore calls: receive, route each, flush every device
 * that got something, release.
 */
import type { LabError } from '../base/errors.ts';
import type { Packet } from '../packet/packet.ts';

export interface DeviceCounters {
  rxPackets: number;
  rxBytes: number;
  txPackets: number;
  txBytes: number;
  /** Frames the ring had no room for (PACKET_STATISTICS tp_drops), and frames the kernel refused or the queue had no room for. */
  rxDropped: number;
  txDropped: number;
}

export interface Device {
  readonly name: string;
  readonly kind: 'packet' | 'tap' | 'tun' | 'memory';
  /** The kernel's index of the interface in its namespace. */
  readonly ifindex: number;
  /**
   * Six bytes; all zero for a TUN. The router's address on this wire: for a packet socket that of the interface, for a TAP that of this end
   * (the interface at the other end has one of its own). `p.type` is told by it.
   */
  readonly mac: Uint8Array;
  mtu: number;
  /** Takes and gives segments and unfinished checksums (virtio-net header); otherwise the router cuts and finishes. */
  readonly offload: boolean;
  /** With `offload`: takes and gives UDP datagrams that are to be cut too (VIRTIO_NET_HDR_GSO_UDP_L4, Linux 6.2). */
  readonly udpSegments: boolean;
  /** For the poll set. -1: never readable (memory). */
  readonly fd: number;
  /**
   * The error that took the device away (LabError DEVICE_GONE: interface deleted or set down), or undefined. The other devices go on. After
   * "down" the device comes back by itself when the interface is up again: the next `receive` finds out, so the router goes on calling it.
   */
  readonly failure: LabError | undefined;
  readonly counters: DeviceCounters;

  /**
   * Take up to `batch.length` waiting frames without waiting. Fills `batch[0..n)`: bytes, base, floor, start, end, ceiling and the
   * offload fields, `type`; `l3` and what follows is the router's. The frames are borrowed until `release`.
   * @returns n, 0 when nothing waits or the device has failed.
   */
  receive(batch: readonly Packet[]): number;
  /** The frames of the last `receive` may be overwritten. */
  release(): void;
  /**
   * Send `p.bytes[p.start, p.end)` with its offload fields. The bytes must stand until `flush`. A device that does not speak the virtio-net header
   * finishes an unfinished checksum here, in place, and refuses a segment (`gsoType`). `p.base` 0 cannot be sent by a real device.
   * @returns false when it was not taken (queue full, device failed): the caller counts TxQueueFull or DevReady; the device's `txDropped` has it too.
   */
  transmit(p: Packet): boolean;
  /** Hand everything noted by `transmit` to the kernel. */
  flush(): void;
  /** Give everything back. A second call does nothing. */
  close(): void;
}

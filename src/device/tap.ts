/**
 * TAP: a wire with Ethernet frames. The kernel's end is an interface, often a port of a bridge; this end is the router.
 *
 * The two ends have addresses of their own. A bridge keeps the address of each of its ports for itself: a frame to the interface's MAC goes
 * up the kernel's stack and never comes here, so the router must be known by another one.
 */
import { TunTap, type TunTapOptions } from './tun-tap.ts';

export interface TapOptions extends TunTapOptions {
  /** The router's end: `device.mac`, by which `p.type` is told. Default: the interface's with the last bit turned. */
  mac?: Uint8Array;
  /** The kernel's end. Default: the kernel chooses a random one. */
  kernelMac?: Uint8Array;
}

/** Make a TAP interface in this thread's network namespace. It is deleted by `close`. @throws LabError TUN_MISSING, DEVICE */
export function openTap(options: TapOptions): TunTap {
  const tap = new TunTap('tap', options, options.kernelMac);
  if (options.mac) tap.mac.set(options.mac);
  else {
    tap.mac.set(tap.kernelMac());
    tap.mac[5]! ^= 1;
  }
  return tap;
}
